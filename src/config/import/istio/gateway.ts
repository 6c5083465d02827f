import { type Fields, isPort } from '../fields.ts';
import type { Resource } from './resources.ts';

/** Where a Gateway listens, in the terms of our config. */
export interface ImportedServer {
  readonly port: number;
  /** Istio translates gRPC-Web there, for backends that speak gRPC. */
  readonly translatesGrpcWeb: boolean;
  /** The hosts that may be asked for, `*` any; and the namespace whose VirtualServices may have it, where that is limited. */
  readonly hosts: ReadonlyArray<{ readonly host: string; readonly only: string | undefined }>;
}

export interface ImportedGateway {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly servers: readonly ImportedServer[];
}

const HTTP = new Set(['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'GRPC-WEB']);
const PASSING_TLS = new Set(['PASSTHROUGH', 'AUTO_PASSTHROUGH']);

export function readGateway({ spec, name, namespace }: Resource): ImportedGateway {
  // Which pods are the gateway is Kubernetes' matter.
  spec.take('selector');
  return { name, namespace, servers: spec.list('servers').flatMap((server) => readServer(server, namespace)) };
}

function readServer(server: Fields, namespace: string | undefined): ImportedServer[] {
  const port = server.mapping('port');
  const number = port.number('number');
  port.take('name');
  server.take('name');
  const protocol = (port.text('protocol') ?? 'HTTP').toUpperCase();
  const hosts = server.texts('hosts').map((host) => readHost(host, namespace));
  if (!HTTP.has(protocol)) {
    server.leaveOut('', `${protocol} is not HTTP: Keyway does not listen on port ${number ?? 'of it'}`);
    return [];
  }
  if (number === undefined || !isPort(number)) {
    port.leaveOut('number', `${number ?? 'nothing'} is not a port: Keyway does not listen there`);
    return [];
  }
  return readTls(server, number) ? [{ port: number, translatesGrpcWeb: protocol === 'GRPC-WEB', hosts }] : [];
}

/** `host`, `namespace/host`, `./host` of the Gateway's own namespace, or `*` for any of them. */
function readHost(text: string, namespace: string | undefined): ImportedServer['hosts'][number] {
  const slash = text.indexOf('/');
  const within = text.slice(0, Math.max(0, slash));
  const only = within === '' || within === '*' ? undefined : within === '.' ? namespace : within;
  return { host: text.slice(slash + 1), only };
}

/** @returns whether Keyway can listen there */
function readTls(server: Fields, port: number): boolean {
  if (!server.has('tls')) return true;
  const tls = server.take('tls') as { mode?: unknown; credentialName?: unknown } | undefined;
  const mode = String(tls?.mode ?? 'PASSTHROUGH').toUpperCase();
  if (PASSING_TLS.has(mode) && tls?.mode !== undefined) {
    server.leaveOut('tls', `${mode}: Keyway does not pass TLS through, and does not listen on port ${port}`);
    return false;
  }
  const files = '{certificate: FILE, key: FILE}';
  server.leaveOut(
    'tls',
    `its certificates are in Kubernetes: give them as files, as tls: {certificates: [${files}]} of the listener at ${port}`,
  );
  return true;
}
