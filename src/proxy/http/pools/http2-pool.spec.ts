import { afterEach, expect, it } from 'vitest';
import { FakeHttp2Shard } from '../../../../test/support/fake-shards.ts';
import { type AskedRequest, PoolUnderTest } from '../../../../test/support/pool-under-test.ts';
import { ResetCause } from '../../../http/index.ts';
import type { UpstreamLimits } from '../../core/owner/pool.ts';
import { Http2Pool } from './http2-pool.ts';

const releases: Array<() => unknown> = [];
afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

interface Setting {
  readonly shard: FakeHttp2Shard;
  readonly by: PoolUnderTest<Http2Pool>;
}

async function poolOf(limits: Partial<UpstreamLimits> = {}, streams?: number): Promise<Setting> {
  const shard = await new FakeHttp2Shard(streams).listen(0);
  const by = new PoolUnderTest(
    shard.port,
    limits,
    (context, endpoint, onDoubt) => new Http2Pool(context, endpoint, onDoubt),
  );
  releases.push(
    () => by.pool.destroy(),
    () => shard.close(),
  );
  return { shard, by };
}

/** Has the pool know what the shard allows. */
async function served({ shard, by }: Setting): Promise<void> {
  const request = by.ask('/first');
  await expect.poll(() => shard.asked.length).toBe(1);
  shard.answer();
  await expect.poll(() => request.outcome).toBe('204');
}

const outcomes = (requests: readonly AskedRequest[]): Array<string | null> => requests.map(({ outcome }) => outcome);

it('sends all on one connection, as far as the shard allows, and makes others for what waits', async () => {
  const setting = await poolOf({ connections: 2 }, 2);
  const { shard, by } = setting;
  await served(setting);
  const requests = ['/1', '/2'].map((path) => by.ask(path));
  expect([by.pool.openConnections, by.pool.openStreams]).toEqual([1, 2]);
  requests.push(...['/3', '/4', '/5'].map((path) => by.ask(path)));
  await expect.poll(() => shard.asked.length).toBe(5);
  const waiting = requests.filter(({ isWaiting }) => isWaiting);
  expect([by.pool.openConnections, by.pool.openStreams, waiting.length]).toEqual([2, 4, 1]);
  shard.answer(5);
  await expect.poll(() => shard.asked.length).toBe(6);
  shard.answer();
  await expect.poll(() => outcomes(requests)).toEqual(requests.map(() => '204'));
});

it('opens no more streams than the RFC has every peer allow, before the shard has said what it does', async () => {
  const { shard, by } = await poolOf({ connections: 1 }, 1000);
  const requests = Array.from({ length: 101 }, (_, i) => by.ask(`/${i}`, { clientGroup: `client ${i}` }));
  expect([by.pool.openStreams, requests[100]?.isWaiting]).toEqual([100, true]);
  await expect.poll(() => shard.asked.length).toBe(101);
});

it('takes turns among the clients that wait', async () => {
  const { shard, by } = await poolOf({ connections: 1 }, 1);
  await served({ shard, by });
  const much = { clientGroup: 'much', clientConnection: {} };
  for (const path of ['/much1', '/much2', '/much3']) by.ask(path, much);
  by.ask('/little', { clientGroup: 'little' });
  for (let answered = 2; answered <= 5; answered++) {
    await expect.poll(() => shard.asked.length).toBe(answered);
    shard.answer();
  }
  expect(shard.asked.slice(1)).toEqual(['/much1', '/much2', '/little', '/much3']);
});

it('leaves the last places to clients that have few', async () => {
  const setting = await poolOf({ connections: 1 }, 8);
  const { shard, by } = setting;
  await served(setting);
  const much = { clientGroup: 'much', clientConnection: {} };
  for (let i = 0; i < 8; i++) by.ask('/much', much);
  await expect.poll(() => shard.asked.length).toBe(8);
  by.ask('/little', { clientGroup: 'little' });
  await expect.poll(() => shard.asked.at(-1)).toBe('/little');
  expect(by.pool.openStreams).toBe(8);
});

it('refuses what exceeds its queue, from the client that has most in it', async () => {
  const setting = await poolOf({ connections: 1, pending: 2 }, 1);
  const { by } = setting;
  await served(setting);
  const much = { clientGroup: 'much', clientConnection: {} };
  const requests = ['/1', '/2', '/3'].map((path) => by.ask(path, much));
  requests.push(by.ask('/other', { clientGroup: 'other' }));
  expect(outcomes(requests)).toEqual([null, null, 'overloaded', null]);
});

it('makes another connection once the shard says that it takes no more on this one, where what is open goes on', async () => {
  const setting = await poolOf();
  const { shard, by } = setting;
  await served(setting);
  const open = by.ask('/open');
  await expect.poll(() => shard.asked.at(-1)).toBe('/open');
  shard.goaway();
  await expect.poll(() => by.leaving).toBe(1);
  expect(by.pool.openConnections).toBe(0);
  const next = by.ask('/next');
  await expect.poll(() => shard.asked.at(-1)).toBe('/next');
  expect(shard.connections).toBe(2);
  shard.answer(2);
  await expect.poll(() => outcomes([open, next])).toEqual(['204', '204']);
});

it('makes another connection for what waits when one that served is lost', async () => {
  const setting = await poolOf({ connections: 1 }, 1);
  const { shard, by } = setting;
  await served(setting);
  const [lost, waiting] = [by.ask('/lost'), by.ask('/waits')];
  await expect.poll(() => shard.asked.at(-1)).toBe('/lost');
  shard.cut();
  await expect.poll(() => shard.asked.at(-1)).toBe('/waits');
  shard.answer(2);
  await expect.poll(() => outcomes([lost, waiting])).toEqual([`reset ${ResetCause.ConnectionLost}`, '204']);
});

it('waits longer and longer before it tries again to reach a shard, and says meanwhile why it was not reached', async () => {
  const { shard, by } = await poolOf();
  const { port } = shard;
  await shard.close();
  const unreachable = 'unreachable: ECONNREFUSED';
  // The spec's chance has the back-off as long as it is on average: 100 ms, then 160 ms.
  for (const [i, backOffMs] of [100, 160].entries()) {
    const tried = by.ask('/tried');
    await expect.poll(() => tried.outcome).toBe(`reset ${ResetCause.ConnectionLost}`);
    expect(by.reached.length).toBe(i + 1);
    by.nowMs += backOffMs - 1;
    expect(by.ask('/too-soon').outcome).toBe(unreachable);
    by.nowMs += 1;
  }
  expect(by.doubts).toEqual([false, false]);
  const again = await new FakeHttp2Shard().listen(port);
  releases.push(() => again.close());
  const request = by.ask('/');
  await expect.poll(() => again.asked).toEqual(['/']);
  again.answer();
  await expect.poll(() => request.outcome).toBe('204');
  expect(by.reached.at(-1)).toBe('reached');
});

it('cuts all connections, those too on which the shard takes no more', async () => {
  const setting = await poolOf();
  const { shard, by } = setting;
  await served(setting);
  const old = by.ask('/old');
  await expect.poll(() => shard.asked.at(-1)).toBe('/old');
  shard.goaway();
  await expect.poll(() => by.leaving).toBe(1);
  const young = by.ask('/young');
  await expect.poll(() => shard.asked.at(-1)).toBe('/young');
  by.pool.cut();
  const lost = `reset ${ResetCause.ConnectionLost}`;
  expect(outcomes([old, young])).toEqual([lost, lost]);
  await expect.poll(() => shard.connections).toBe(0);
});
