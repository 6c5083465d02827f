import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { defaultLimits, httpContext } from '../../http/index.ts';
import { Http2Transport } from './http2-transport.ts';

/** @returns what opening a transport to a server fails with */
async function faultAt(serve: (socket: Socket) => void): Promise<string> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    serve(socket);
  });
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const transport = new Http2Transport(
    { host: '127.0.0.1', port, tls: null },
    2,
    httpContext(() => performance.now(), defaultLimits),
  );
  onTestFinished(() => transport.close());
  const fault = await transport.open().then(
    () => 'none',
    (error: Error) => error.message,
  );
  return fault.replace(`127.0.0.1:${port}: `, '');
}

it('opens only to what speaks HTTP/2, and says what is there instead', async () => {
  const hint = 'is it the right port? Write https:// for TLS, and --http1 for HTTP/1.1';
  const http1 = await faultAt((socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')),
  );
  expect(http1).toBe(`it does not speak HTTP/2: the first frame is not SETTINGS; ${hint}`);
  expect(await faultAt((socket) => socket.once('data', () => socket.end()))).toMatch(/^\S.*; is it the right port\?/);
  expect(
    await faultAt((socket) => socket.once('data', () => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])))),
  ).toBe('none');
});

it('waits for no greeting for ever', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const fault = faultAt((socket) => socket.once('data', () => vi.advanceTimersByTime(5000)));
  expect(await fault).toMatch(/^it accepts connections, and says nothing; /);
});
