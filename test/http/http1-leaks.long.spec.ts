import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { eventually, metric, startRouter } from '../support/cluster.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { overHttp1 } from '../support/http-client.ts';
import { Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';
import { RawHttp1 } from '../support/raw-http1.ts';

const scope = new Scope();
afterEach(() => scope.release());

const CLIENTS = 400;
const HEAD = 'HTTP/1.1\r\nHost: h\r\nx-shard-key: ';

/** What clients send, right and wrong; `k` stands for a key. */
const REQUESTS: ReadonlyArray<(k: string) => string> = [
  (k) => `GET /bytes/100 ${HEAD}${k}\r\n\r\n`,
  (k) => `GET /bytes/300000 ${HEAD}${k}\r\n\r\n`,
  (k) => `GET /hang ${HEAD}${k}\r\n\r\n`,
  (k) => `GET /cut ${HEAD}${k}\r\n\r\n`,
  (k) => `GET /x?status=503 ${HEAD}${k}\r\n\r\n`,
  (k) => `HEAD /bytes/10 ${HEAD}${k}\r\n\r\n`,
  (k) => `POST /echo ${HEAD}${k}\r\nContent-Length: 5\r\n\r\nhello`,
  (k) => `POST /echo ${HEAD}${k}\r\nContent-Length: 500\r\n\r\nhello`,
  (k) => `POST /echo ${HEAD}${k}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  (k) => `POST /echo ${HEAD}${k}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz`,
  (k) => `POST /silent ${HEAD}${k}\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70000)}`,
  (k) => `POST /echo ${HEAD}${k}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  (k) =>
    `GET / ${HEAD}${k}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  (k) => `GET / ${HEAD}${k}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  (k) => `GET / ${HEAD}${k}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: ???\r\n\r\n`,
  () => 'GET / HTTP/1.1\r\nHost: h\r\n\r\n',
  () => 'GET / HTTP/1.1\r\n',
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  () => 'PRI nonsense',
  () => '\x16\x03\x01\x02\x00\x01\x00\x01',
  () => '\r\n\r\n\r\n',
];

it.each([
  'http1',
  'http2',
] as const)('leaves nothing open and keeps serving, whatever clients do to shards that speak %s', async (protocol) => {
  const seed = runSeed();
  process.stdout.write(`KEYWAY_SEED=${seed}\n`);
  const random = seeded(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const backends = await Promise.all(['s0', 's1'].map((name) => startHttpBackend(scope, name, protocol)));
  const router = await startRouter(scope, {
    shards: backends.map(({ port }) => port),
    upstream: { protocol },
    limits: { stalledWindow: '1500ms' },
  });
  const misbehave = async (client: number): Promise<void> => {
    const peer = await RawHttp1.connect(scope, router.port);
    const text = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(REQUESTS)(`k${client}`)).join('');
    for (let at = 0; at < text.length; ) {
      const size = 1 + Math.floor(random() * random() * text.length);
      peer.write(text.slice(at, at + size));
      at += size;
      // Pieces that arrive apart; how far apart matters little.
      if (random() < 0.3) await sleep(random() * 3);
    }
    if (random() < 0.5) await sleep(random() * 20);
    if (random() < 0.3) peer.socket.end();
    else if (random() < 0.5) peer.socket.resetAndDestroy();
    else peer.socket.destroy();
  };
  for (let client = 0; client < CLIENTS; client += 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => misbehave(client + i)));
  // Who ended its side alone is still there, and is closed or answered.
  await eventually(async () => (await metric(router, 'keyway_downstream_streams')) === 0);
  await eventually(async () => (await metric(router, 'keyway_shard_streams')) === 0);
  await eventually(async () => (await metric(router, 'keyway_downstream_connections')) === 0);
  expect((await overHttp1(router, '/bytes/10', { agent: false })).text).toBe('kkkkkkkkkk');
  expect(router.process.child.exitCode).toBeNull();
  expect(router.process.output).not.toMatch(/Error:|Warning/);
});
