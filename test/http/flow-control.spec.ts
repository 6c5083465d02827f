import { once } from 'node:events';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { drain, newSession, pour, startStreaming } from '../support/streaming.ts';

const scope = new Scope();
afterEach(() => scope.release());

const MEBIBYTE = 2 ** 20;

it('lets a slow reader stall its own stream only', async () => {
  let written = 0;
  const router = await startStreaming(scope, (stream, path) => {
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
  const session = newSession(scope, router);
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
  const router = await startStreaming(
    scope,
    (stream) => {
      stream.respond({ ':status': 200 });
      void pour(stream, size);
    },
    { controlFrameBurst: 20, controlFramesPerSecond: 1 },
  );
  const request = newSession(scope, router).request({ ':path': '/', 'x-shard-key': 'k' });
  expect(await drain(request)).toBe(size);
});

it('delivers every byte to a client whose window is smaller than the router advertises, and changes', async () => {
  const size = 3 * MEBIBYTE;
  const router = await startStreaming(scope, (stream) => {
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
