import type { Socket } from 'node:net';
import { type ByteReceiver, dial, negotiated, serverNameOf } from '../../io/index.ts';
import type { Target } from './transport.ts';

/**
 * Opens a socket to a target, and has its bytes read by `receive`.
 * @param protocol what ALPN should settle on, in TLS
 * @throws Error where the target cannot be reached, or does not speak HTTP/2 although that is wanted
 */
export async function dialTarget(
  { host, port, tls }: Target,
  protocol: 'h2' | 'http/1.1',
  receive: ByteReceiver,
): Promise<Socket> {
  const options = tls && {
    minVersion: 'TLSv1.2' as const,
    servername: serverNameOf(tls.serverName === '' ? host : tls.serverName),
    ...(tls.ca === null ? {} : { ca: Buffer.from(tls.ca) }),
  };
  const certificates = options && { options: () => options };
  const socket = await dial({ target: { host, port }, certificates }, [protocol], receive);
  if (tls === null || protocol === 'http/1.1' || negotiated(socket) === protocol) return socket;
  socket.destroy();
  throw new Error(`${host}:${port} does not speak HTTP/2 in TLS; try --http1`);
}
