import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import type { HostPort } from '../runtime/address.ts';
import { type ByteReceiver, KEEP_ALIVE, sharedRead } from './shared-read.ts';
import type { ClientCertificates } from './tls-files.ts';

/** Where somebody listens, and how to show who one is. */
export interface SocketTarget {
  readonly target: HostPort;
  /** Null in cleartext. */
  readonly certificates: ClientCertificates | null;
}

/**
 * Opens a socket to a shard, by TLS where it is configured, and has its bytes read by `receive`.
 * @param protocols what ALPN is to offer, the most wanted first
 * @throws TlsFileError
 */
export function openSocket(endpoint: SocketTarget, protocols: readonly string[], receive: ByteReceiver): Socket {
  if (endpoint.certificates === null)
    return connect({ ...endpoint.target, noDelay: true, ...KEEP_ALIVE, onread: sharedRead(receive) }) as Socket;
  const socket = openTls(endpoint, endpoint.certificates, protocols);
  socket.on('data', (bytes: Buffer) => receive(bytes, 0, bytes.length));
  return socket;
}

/** Opens a socket to a shard for somebody who reads it by himself, once it is ready. */
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
      : openTls(endpoint, certificates, protocols);
  const settle = (error: Error | null): void => {
    clearTimeout(timer);
    socket.off('error', settle);
    done(error, socket);
  };
  const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
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

function openTls({ target }: SocketTarget, certificates: ClientCertificates, protocols: readonly string[]): Socket {
  const socket = connectTls({
    ...target,
    ...KEEP_ALIVE,
    // An address is no name to ask for (RFC 6066, 3).
    servername: /^[\d.]+$|:/.test(target.host) ? '' : target.host,
    ...certificates.options(),
    ALPNProtocols: [...protocols],
  });
  return socket.setNoDelay(true);
}

/** What ALPN has settled with a peer; null before it has, and in cleartext. */
export function negotiated(socket: Socket): string | null {
  const { alpnProtocol } = socket as Partial<TLSSocket>;
  return typeof alpnProtocol === 'string' ? alpnProtocol : null;
}
