import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import { afterEach, expect, it } from 'vitest';
import { eventually, metric, type RouterUnderTest, startRouter } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';

const scope = new Scope();
afterEach(() => scope.release());

const REQUESTS = 3000;
const LANES = 40;

/** A backend that does with each stream something that a seeded dice says. */
async function startMoodyBackend(random: () => number): Promise<number> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    const mood = random();
    if (mood < 0.1) return;
    if (mood < 0.2) {
      stream.close(Math.floor(random() * 14));
      return;
    }
    if (mood < 0.25) {
      stream.session?.goaway();
      return;
    }
    if (mood < 0.27) {
      stream.session?.destroy();
      return;
    }
    stream.respond({ ':status': 200 });
    if (mood < 0.35) stream.write(Buffer.alloc(200_000));
    else if (mood < 0.6) stream.pipe(stream);
    else stream.end(Buffer.alloc(Math.floor(random() * 100_000)));
  });
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return (server.address() as { port: number }).port;
}

/** One request, left or cut off at a moment of the dice's choice. */
async function request(router: RouterUnderTest, session: ReturnType<typeof connect>, random: () => number) {
  if (session.closed || session.destroyed) return;
  const grpc = random() < 0.5;
  const stream = session.request({
    ':method': 'POST',
    ':path': '/',
    'x-shard-key': `key-${Math.floor(random() * 50)}`,
    ...(grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
    'grpc-timeout': `${50 + Math.floor(random() * 300)}m`,
  });
  stream.on('error', () => {});
  const mood = random();
  if (mood < 0.8) stream.resume();
  if (mood < 0.6) stream.end(Buffer.alloc(Math.floor(random() * 150_000)));
  else stream.write(Buffer.alloc(Math.floor(random() * 50_000)));
  // Who waits for the answer ends its side with it.
  stream.on('end', () => stream.end());
  if (mood > 0.7) setTimeout(() => stream.destroy(), random() * 100);
  await new Promise((resolve) => stream.on('close', resolve));
  expect(router.process.child.exitCode).toBeNull();
}

it('leaves no stream open and keeps serving, whatever clients and shards do to it', async () => {
  const seed = runSeed();
  console.log(`KEYWAY_SEED=${seed}`);
  const random = seeded(seed);
  const ports = await Promise.all([1, 2, 3].map(() => startMoodyBackend(random)));
  const router = await startRouter(scope, { shards: ports, limits: { resetBurst: 100_000 } });
  let left = REQUESTS;
  const lane = async (): Promise<void> => {
    const session = connect(`http://${router.endpoint}`);
    session.on('error', () => {});
    scope.defer(() => session.destroy());
    while (left-- > 0) await request(router, session, random);
    if (random() < 0.5) session.destroy();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(await metric(router, 'keyway_requests_total')).toBeGreaterThan(REQUESTS * 0.9);
  await eventually(async () => (await metric(router, 'keyway_downstream_streams')) === 0);
  for (const shard of ['s0', 's1', 's2'])
    await eventually(async () => (await metric(router, `keyway_shard_streams{cluster="docs",shard="${shard}"}`)) === 0);
});
