import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { splitAddress } from './address.ts';

/** With what a gRPC channel speaks TLS; PEM. */
export interface ChannelTls {
  /** Of the other side's certificate; null, or left out: those that Node trusts. */
  readonly authorities?: Buffer | null | undefined;
  /** What is shown. */
  readonly certificate?: Buffer | null | undefined;
  readonly key?: Buffer | null | undefined;
  /** The name that the other side's certificate has to have; the address's host where it is left out. */
  readonly serverName?: string | undefined;
}

/** Sent as the server's name where there is none: gRPC's client always sends one. Nothing has this name (RFC 6761, section 6.4). */
const NO_NAME = 'address.invalid';

/**
 * Credentials for a gRPC channel by TLS, and the options that go with them. gRPC's own client sends the host that it connects to as the server's name, and
 * Node refuses that for an IP address (RFC 6066, section 3, allows none): the certificate of an address is checked for that address.
 * @param address `host:port`
 */
export function tlsChannel(
  address: string,
  { authorities = null, certificate = null, key = null, serverName }: ChannelTls,
): { readonly channel: ChannelCredentials; readonly options: ChannelOptions } {
  const { host } = splitAddress(address);
  const isAddress = serverName === undefined && isIP(host) !== 0;
  const verify = isAddress
    ? { checkServerIdentity: (_: string, shown: PeerCertificate) => checkServerIdentity(host, shown) }
    : {};
  const name = isAddress ? NO_NAME : serverName;
  return {
    channel: credentials.createSsl(authorities, key, certificate, verify),
    options: name === undefined ? {} : { 'grpc.ssl_target_name_override': name },
  };
}
