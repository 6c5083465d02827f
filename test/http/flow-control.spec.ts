import { once } from 'node:events';
import { type ClientHttp2Stream, connect, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { afterEach, expect, it } from 'vitest';
import { residentBytes } from '../../bench/support/process-cost.ts';
import { eventually, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const MEBIBYTE = 2 ** 20;

async function startServer(
  answer: (stream: ServerHttp2Stream, path: string) => void,
  limits: object = {},
): Promise<RouterUnderTest> {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    answer(stream, String(headers[':path']));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return startRouter(scope, { shards: [(server.address() as { port: number }).port], limits });
}

function newSession(router: RouterUnderTest) {
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  return session;
}

/** Writes so many bytes, each its place's low byte, as fast as they are taken. */
async function pour(into: NodeJS.WritableStream, bytes: number): Promise<void> {
  const chunk = Buffer.from(Array.from({ length: 65536 }, (_, i) => i & 0xff));
  for (let sent = 0; sent < bytes; sent += chunk.length)
    if (!into.write(chunk)) await once(into as unknown as NodeJS.EventEmitter, 'drain');
  into.end();
}

/** Reads to the end; the number of bytes, or -1 where one was not what `pour` wrote. */
async function drain(from: AsyncIterable<Buffer>): Promise<number> {
  let count = 0;
  for await (const chunk of from) {
    if (chunk[0] !== (count & 0xff) || chunk[chunk.length - 1] !== ((count + chunk.length - 1) & 0xff)) return -1;
    count += chunk.length;
  }
  return count;
}

it('carries a gigabyte each way through one stream, with its memory flat', async () => {
  const router = await startServer((stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const request = newSession(router).request({ ':method': 'POST', ':path': '/', 'x-shard-key': 'k' });
  const size = 1024 * MEBIBYTE;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(router.process.pid));
  }, 50);
  const [, received] = await Promise.all([pour(request, size), drain(request)]);
  clearInterval(watch);
  expect(received).toBe(size);
  expect(most).toBeLessThan(250 * MEBIBYTE);
}, 240_000);

it('lets a slow reader stall its own stream only', async () => {
  let written = 0;
  const router = await startServer((stream, path) => {
    stream.respond({ ':status': 200 });
    if (path === '/fast') {
      stream.end('fast');
      return;
    }
    const chunk = Buffer.alloc(65536);
    const write = (): void => {
      while (!stream.destroyed) {
        written += chunk.length;
        if (!stream.write(chunk)) break;
      }
    };
    stream.on('drain', write);
    write();
  });
  const session = newSession(router);
  const slow: ClientHttp2Stream = session.request({ ':path': '/slow', 'x-shard-key': 'k' });
  await once(slow, 'response');
  slow.pause();
  // Nothing is read: what the backend can write comes to rest once every window on the way is full.
  let before = -1;
  await eventually(async () => {
    const rested = before === written;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return rested;
  });
  expect(written).toBeLessThan(4 * MEBIBYTE);
  for (let i = 0; i < 50; i++) {
    const fast = session.request({ ':path': '/fast', 'x-shard-key': 'k' });
    fast.resume();
    const [headers] = await once(fast, 'response');
    expect(headers[':status']).toBe(200);
    await once(fast, 'end');
  }
  slow.close();
});

it("takes a long download's window updates for no flood, though its client sends nothing else", async () => {
  const size = 64 * MEBIBYTE;
  const router = await startServer(
    (stream) => {
      stream.respond({ ':status': 200 });
      void pour(stream, size);
    },
    { controlFrameBurst: 20, controlFramesPerSecond: 1 },
  );
  const request = newSession(router).request({ ':path': '/', 'x-shard-key': 'k' });
  expect(await drain(request)).toBe(size);
});

it('delivers every byte to a client whose window is smaller than the router advertises, and changes', async () => {
  const size = 3 * MEBIBYTE;
  const router = await startServer((stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-done': 'yes' }));
    void pour(stream, size);
  });
  const session = connect(`http://${router.endpoint}`, { settings: { initialWindowSize: 1000 } });
  scope.defer(() => session.destroy());
  const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
  const trailers = once(request, 'trailers');
  let count = 0;
  request.on('data', (chunk: Buffer) => {
    const before = count;
    count += chunk.length;
    if (before < MEBIBYTE && count >= MEBIBYTE) session.settings({ initialWindowSize: 100 });
    if (before < 2 * MEBIBYTE && count >= 2 * MEBIBYTE) session.settings({ initialWindowSize: 1_000_000 });
  });
  await once(request, 'end');
  expect(count).toBe(size);
  expect((await trailers)[0]['x-done']).toBe('yes');
}, 120_000);
