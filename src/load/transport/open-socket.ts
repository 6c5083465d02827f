import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { type ByteReceiver, sharedRead } from '../../io/index.ts';
import type { Target } from './transport.ts';

/**
 * Opens a socket to a target, and has its bytes read by `receive`.
 * @param protocol what ALPN is to settle on, in TLS
 */
export function openSocket(target: Target, protocol: 'h2' | 'http/1.1', receive: ByteReceiver): Promise<Socket> {
  const { host, port, tls } = target;
  const socket =
    tls === null
      ? connect({ host, port, noDelay: true, onread: sharedRead(receive) })
      : connectTls({ host, port, ...tlsOptions(target), ALPNProtocols: [protocol] });
  if (tls !== null) {
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => receive(bytes, 0, bytes.length));
  }
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      socket.off('error', reject);
      if (!(socket instanceof TLSSocket) || socket.alpnProtocol === protocol || protocol === 'http/1.1')
        resolve(socket);
      else {
        socket.destroy();
        reject(new Error(`${host}:${port} does not speak HTTP/2 in TLS; try --http1`));
      }
    });
  });
}

/** What TLS is to be made with. */
function tlsOptions({ host, tls }: Target): { readonly servername: string; readonly ca?: string } {
  const name = tls === null || tls.serverName === '' ? host : tls.serverName;
  // An address is no name to ask for (RFC 6066, 3).
  const servername = /^[\d.]+$|:/.test(name) ? '' : name;
  return tls?.ca == null ? { servername } : { servername, ca: tls.ca };
}
