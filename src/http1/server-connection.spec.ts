import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { field, HeaderBlock, httpContext, type Stream, unhandled } from '../http/index.ts';
import type { Http1Handler } from './http1-handler.ts';
import { Http1Connection } from './server-connection.ts';

const releases: Array<() => unknown> = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

const block = new HeaderBlock();

/** A connection whose requests a test answers, and its client. */
async function connected(): Promise<{
  connection: Http1Connection;
  streams: Stream[];
  client: Socket;
  nowMs: { now: number };
}> {
  const nowMs = { now: 0 };
  const context = httpContext(() => nowMs.now);
  const streams: Stream[] = [];
  const handler: Http1Handler = {
    onRequest(stream) {
      stream.handler = unhandled;
      streams.push(stream);
    },
    onHttp2Upgrade() {},
    onFault() {},
    onSlow() {},
    onClosed() {},
  };
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  releases.push(
    () => server.close(),
    () => client.destroy(),
    () => socket.destroy(),
  );
  const connection = new Http1Connection(socket, context, handler, false);
  socket.on('data', (bytes: Buffer) => connection.receive(bytes, 0, bytes.length));
  return { connection, streams, client, nowMs };
}

async function received(client: Socket, pattern: RegExp, so = ''): Promise<string> {
  let text = so;
  while (!pattern.test(text)) text += String((await once(client, 'data'))[0]);
  return text;
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

function answer(stream: Stream, endStream: boolean): void {
  block.set([field(':status', '200')]);
  stream.connection.sendHeaders(stream, block, endStream);
}

it('ends a connection behind an answer that says so: one that had begun before is followed by another', async () => {
  const { connection, streams, client, nowMs } = await connected();
  client.write(REQUEST);
  await expect.poll(() => streams.length).toBe(1);
  const [first] = streams as [Stream];
  answer(first, false);
  const head = await received(client, /\r\n\r\n/);
  expect(head).not.toMatch(/connection: close/);
  connection.shutdown('the key has moved');
  first.connection.sendData(first, new Uint8Array(0), 0, 0, true);
  await received(client, /0\r\n\r\n$/);
  // Within the time that it is given, an ordinary client has sent its next request.
  nowMs.now = 4900;
  connection.sweep(4900);
  client.write(REQUEST);
  await expect.poll(() => streams.length).toBe(2);
  answer(streams[1] as Stream, true);
  expect(await received(client, /\r\n\r\n/)).toMatch(/connection: close/);
  await once(client, 'end');
});

it('does not wait for long for the request that would tell its client', async () => {
  const { connection, streams, client, nowMs } = await connected();
  client.write(REQUEST);
  await expect.poll(() => streams.length).toBe(1);
  const [first] = streams as [Stream];
  answer(first, false);
  connection.shutdown('the key has moved');
  first.connection.sendData(first, new Uint8Array(0), 0, 0, true);
  client.resume();
  nowMs.now = 5100;
  connection.sweep(5100);
  await once(client, 'end');
});

it('also waits for a client that has just had an answer', async () => {
  const { connection, streams, client } = await connected();
  client.write(REQUEST);
  await expect.poll(() => streams.length).toBe(1);
  answer(streams[0] as Stream, true);
  await received(client, /\r\n\r\n/);
  connection.shutdown('the key has moved');
  client.write(REQUEST);
  await expect.poll(() => streams.length).toBe(2);
  answer(streams[1] as Stream, true);
  expect(await received(client, /\r\n\r\n/)).toMatch(/connection: close/);
  await once(client, 'end');
});
