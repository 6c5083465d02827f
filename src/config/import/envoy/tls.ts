import type { Fields } from '../fields.ts';
import { given } from '../given.ts';
import { typeOf } from './bootstrap.ts';

const BY_FILE = 'Keyway takes certificates and keys only from files';

/** What became of a listener's TLS: null where it could not be carried over, and clients had to be served without. */
export type ImportedTls = { readonly tls: object } | null;

/** Reads a DownstreamTlsContext. */
export function readServerTls(socket: Fields): ImportedTls {
  const context = readContext(socket, 'DownstreamTlsContext');
  if (context === null) return null;
  const common = context.mapping('common_tls_context');
  const certificates = common.list('tls_certificates').flatMap(readCertificate);
  const wantsClients = context.flag('require_client_certificate');
  const clientAuthorities = readAuthorities(common);
  if (clientAuthorities !== undefined && !wantsClients)
    common.leaveOut(
      'validation_context',
      'clients need no certificate here; with clientAuthorities every client would need one',
    );
  finishCommon(common);
  if (certificates.length === 0 || (wantsClients && clientAuthorities === undefined)) {
    socket.leaveOut('', `${BY_FILE}: give them to the listener, which is on loopback and without TLS until then`);
    return null;
  }
  return {
    tls: {
      certificates,
      ...(wantsClients && { clientAuthorities }),
      ...given('minimumVersion', VERSIONS[common.mapping('tls_params').text('tls_minimum_protocol_version') ?? '']),
    },
  };
}

const VERSIONS: Readonly<Record<string, string>> = { TLSv1_2: 'TLSv1.2', TLSv1_3: 'TLSv1.3' };

/** Reads an UpstreamTlsContext; null where shards cannot be spoken to as it says. */
export function readClientTls(socket: Fields): ImportedTls {
  const context = readContext(socket, 'UpstreamTlsContext');
  if (context === null) return null;
  const common = context.mapping('common_tls_context');
  const authorities = readAuthorities(common);
  if (authorities === undefined)
    context.change('', "Envoy accepts any certificate; Keyway requires one from the system's authorities");
  const [own, ...others] = common.list('tls_certificates').flatMap(readCertificate);
  if (others.length > 0) common.leaveOut('tls_certificates', 'Keyway presents the first');
  finishCommon(common);
  return { tls: { ...given('authorities', authorities), ...own, ...given('serverName', context.text('sni')) } };
}

function readContext(socket: Fields, type: string): Fields | null {
  socket.take('name');
  const context = socket.mapping('typed_config');
  const found = typeOf({ '@type': context.take('@type') });
  if (found === type) return context;
  socket.leaveOut('', `${found}: Keyway supports only TLS`);
  return null;
}

function readCertificate(each: Fields): Array<{ certificate: string; key: string }> {
  const certificate = readFile(each, 'certificate_chain');
  const key = readFile(each, 'private_key');
  return certificate === undefined || key === undefined ? [] : [{ certificate, key }];
}

function readAuthorities(common: Fields): string | undefined {
  const validation = common.has('combined_validation_context')
    ? common.mapping('combined_validation_context').mapping('default_validation_context')
    : common.mapping('validation_context');
  const file = readFile(validation, 'trusted_ca');
  return file;
}

function readFile(fields: Fields, name: string): string | undefined {
  const source = fields.mapping(name);
  const file = source.text('filename');
  source.finish(BY_FILE);
  return file;
}

/** ALPN is Keyway's own matter: it offers what it speaks. */
function finishCommon(common: Fields): void {
  common.take('alpn_protocols');
}
