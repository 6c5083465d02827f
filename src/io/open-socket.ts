import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import type { HostPort } from '../runtime/address.ts';
import { type ByteReceiver, KEEP_ALIVE, sharedRead } from './shared-read.ts';
import type { ClientTlsOptions } from './tls-files.ts';

/** A server's address, and the certificates to show it. */
export interface SocketTarget {
  readonly target: HostPort;
  /** What a connection by TLS is made with, asked for each: certificates may change. Null in cleartext. */
  readonly certificates: { options(): ClientTlsOptions } | null;
}

/**
 * Opens a socket to a server, by TLS where it is configured, and has its bytes read by `receive`.
 * @param protocols what ALPN offers, the most wanted first
 * @throws TlsFileError
 */
export function openSocket(endpoint: SocketTarget, protocols: readonly string[], receive: ByteReceiver): Socket {
  if (endpoint.certificates === null)
    return connect({ ...endpoint.target, noDelay: true, ...KEEP_ALIVE, onread: sharedRead(receive) }) as Socket;
  const socket = openTls(endpoint.target, endpoint.certificates.options(), protocols);
  socket.on('data', (bytes: Buffer) => receive(bytes, 0, bytes.length));
  return socket;
}

/** The same, once the socket is up. @throws what connecting failed of */
export async function dial(
  endpoint: SocketTarget,
  protocols: readonly string[],
  receive: ByteReceiver,
): Promise<Socket> {
  const socket = openSocket(endpoint, protocols, receive);
  return new Promise((resolve, reject) =>
    onceUp(socket, endpoint, (error) => (error === null ? resolve(socket) : reject(error))),
  );
}

/** Opens a socket for a caller that reads it by itself, once it is ready. */
export function openRawSocket(
  endpoint: SocketTarget,
  protocols: readonly string[],
  timeoutMs: number,
  done: (error: Error | null, socket: Socket) => void,
): void {
  const { certificates, target } = endpoint;
  const socket =
    certificates === null
      ? connect({ ...target, noDelay: true, ...KEEP_ALIVE })
      : openTls(target, certificates.options(), protocols);
  const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
  onceUp(socket, endpoint, (error) => {
    clearTimeout(timer);
    done(error, socket);
  });
}

/** Calls back once a socket is up, with TLS where it is configured, or cannot be had. */
function onceUp(socket: Socket, { certificates }: SocketTarget, done: (error: Error | null) => void): void {
  const settle = (error: Error | null): void => {
    socket.off('error', settle);
    done(error);
  };
  socket.on('error', settle);
  socket.once(certificates === null ? 'connect' : 'secureConnect', () => settle(null));
}

/** How undici makes its connections to a shard. TLS is ours: undici would ask for the name in each request's Host. */
export function undiciConnector(endpoint: SocketTarget, timeoutMs: number): buildConnector.connector {
  return (_options, callback) =>
    openRawSocket(endpoint, ['http/1.1'], timeoutMs, (error, socket) =>
      error === null ? callback(null, socket) : callback(error, null),
    );
}

/** The name to ask for at a host: an address is none (RFC 6066, 3). */
export function serverNameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}

function openTls(target: HostPort, options: ClientTlsOptions, protocols: readonly string[]): Socket {
  const socket = connectTls({
    ...target,
    ...KEEP_ALIVE,
    servername: serverNameOf(target.host),
    ...options,
    ALPNProtocols: [...protocols],
  });
  return socket.setNoDelay(true);
}

/** What ALPN has settled with a peer; null before it has, and in cleartext. */
export function negotiated(socket: Socket): string | null {
  const { alpnProtocol } = socket as Partial<TLSSocket>;
  return typeof alpnProtocol === 'string' ? alpnProtocol : null;
}
