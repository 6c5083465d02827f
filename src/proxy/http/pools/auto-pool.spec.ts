import { afterEach, expect, it } from 'vitest';
import { FakeHttp1Shard, FakeHttp2Shard, type FakeShard } from '../../../../test/support/fake-shards.ts';
import { type AskedRequest, PoolUnderTest } from '../../../../test/support/pool-under-test.ts';
import { ResetCause } from '../../../http/index.ts';
import { AutoPool } from './auto-pool.ts';

const releases: Array<() => unknown> = [];
afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

function poolTo(port: number): PoolUnderTest<AutoPool> {
  const by = new PoolUnderTest(port, {}, (context, endpoint) => new AutoPool(context, endpoint));
  releases.push(() => by.pool.destroy());
  return by;
}

async function listening<Shard extends FakeHttp1Shard | FakeHttp2Shard>(shard: Shard, port = 0): Promise<Shard> {
  await shard.listen(port);
  releases.push(() => shard.close());
  return shard;
}

async function served(shard: FakeShard, request: AskedRequest): Promise<void> {
  await expect.poll(() => shard.asked.length).toBeGreaterThan(0);
  shard.answer();
  await expect.poll(() => request.outcome).toBe('204');
}

it.each([
  ['HTTP/2', () => new FakeHttp2Shard()],
  ['HTTP/1.1', () => new FakeHttp1Shard()],
])('asks a shard once whether it speaks %s, and has requests wait for that', async (_protocol, newShard) => {
  const shard = await listening(newShard());
  const by = poolTo(shard.port);
  const requests = ['/1', '/2'].map((path) => by.ask(path));
  expect(requests.map(({ isWaiting }) => isWaiting)).toEqual([true, true]);
  await expect.poll(() => shard.asked.length).toBe(2);
  shard.answer(2);
  await expect.poll(() => requests.map(({ outcome }) => outcome)).toEqual(['204', '204']);
  expect(by.ask('/3').isWaiting).toBe(false);
});

it('refuses what waits for a shard that cannot be reached, and asks it again when there is a request', async () => {
  const shard = await listening(new FakeHttp1Shard());
  const { port } = shard;
  await shard.close();
  const by = poolTo(port);
  const request = by.ask('/');
  await expect.poll(() => request.outcome).toBe('unreachable: ECONNREFUSED');
  expect(by.reached).toEqual(['ECONNREFUSED']);
  const back = await listening(new FakeHttp2Shard(), port);
  await served(back, by.ask('/'));
});

it.each([
  ['HTTP/2', 'HTTP/1.1', () => new FakeHttp2Shard(), () => new FakeHttp1Shard()],
  ['HTTP/1.1', 'HTTP/2', () => new FakeHttp1Shard(), () => new FakeHttp2Shard()],
])('notices that a shard that spoke %s speaks %s by now', async (_before, _after, newBefore, newAfter) => {
  const before = await listening(newBefore());
  const { port } = before;
  const by = poolTo(port);
  await served(before, by.ask('/before'));
  await before.close();
  const after = await listening(newAfter(), port);
  // A connection by the old protocol has to fail before the shard is asked again, and requests use that protocol until it has answered.
  let outcome: string | null = null;
  for (let tries = 0; tries < 100 && outcome !== '204'; tries++) {
    by.nowMs += 1000;
    const request = by.ask('/after');
    await expect
      .poll(() => {
        after.answer(10);
        return request.outcome;
      })
      .not.toBe(null);
    outcome = request.outcome;
  }
  expect([outcome, after.asked]).toEqual(['204', ['/after']]);
});

it('cuts what is in flight, whichever protocol it uses', async () => {
  const shard = await listening(new FakeHttp1Shard());
  const by = poolTo(shard.port);
  const cut = by.ask('/cut');
  await expect.poll(() => shard.asked).toEqual(['/cut']);
  by.pool.cut();
  expect(cut.outcome).toBe(`reset ${ResetCause.ConnectionLost}`);
  expect(by.pool.openStreams).toBe(0);
});
