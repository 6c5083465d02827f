import { afterEach, expect, it } from 'vitest';
import { FakeHttp1Shard } from '../../../../test/support/fake-shards.ts';
import { PoolUnderTest } from '../../../../test/support/pool-under-test.ts';
import { ResetCause } from '../../../http/index.ts';
import type { UpstreamLimits } from '../../core/owner/pool.ts';
import { Http1Pool } from './http1-pool.ts';

const releases: Array<() => unknown> = [];
afterEach(async () => {
  for (const release of releases.splice(0)) await release();
});

async function poolOf(
  limits: Partial<UpstreamLimits> = {},
): Promise<{ readonly shard: FakeHttp1Shard; readonly by: PoolUnderTest<Http1Pool> }> {
  const shard = await new FakeHttp1Shard().listen(0);
  const by = new PoolUnderTest(
    shard.port,
    limits,
    (context, endpoint, onDoubt) => new Http1Pool(context, endpoint, onDoubt),
  );
  releases.push(
    () => by.pool.destroy(),
    () => shard.close(),
  );
  return { shard, by };
}

it('opens as many connections as allowed, and makes further requests wait for a free one', async () => {
  const { shard, by } = await poolOf({ connections: 2 });
  const requests = ['/1', '/2', '/3'].map((path) => by.ask(path));
  await expect.poll(() => shard.asked).toEqual(expect.arrayContaining(['/1', '/2']));
  expect([by.pool.openConnections, by.pool.openStreams, requests[2]?.isWaiting]).toEqual([2, 2, true]);
  shard.answer();
  await expect.poll(() => shard.asked.at(-1)).toBe('/3');
  shard.answer(2);
  await expect.poll(() => requests.map(({ outcome }) => outcome)).toEqual(['204', '204', '204']);
  expect([shard.connections, by.pool.openStreams]).toEqual([2, 0]);
});

it('uses the most recently freed connection first, so that the others may end', async () => {
  const { shard, by } = await poolOf();
  for (const path of ['/1', '/2']) by.ask(path);
  await expect.poll(() => shard.asked.length).toBe(2);
  shard.answer(2);
  await expect.poll(() => by.pool.openStreams).toBe(0);
  for (const path of ['/3', '/4']) {
    by.nowMs += 2000;
    const request = by.ask(path);
    await expect.poll(() => shard.asked.at(-1)).toBe(path);
    shard.answer();
    await expect.poll(() => request.outcome).toBe('204');
  }
  expect(by.pool.openConnections).toBe(2);
  // A connection is kept for 4 s without a request: one has had none for longer by now, and the other one has.
  by.nowMs += 1000;
  by.pool.sweep(by.nowMs);
  expect(by.pool.openConnections).toBe(1);
});

it('takes turns among the clients that wait', async () => {
  const { shard, by } = await poolOf({ connections: 1 });
  const much = { clientGroup: 'much', clientConnection: {} };
  for (const path of ['/much1', '/much2', '/much3']) by.ask(path, much);
  by.ask('/little', { clientGroup: 'little' });
  for (let answered = 1; answered <= 4; answered++) {
    await expect.poll(() => shard.asked.length).toBe(answered);
    shard.answer();
  }
  expect(shard.asked).toEqual(['/much1', '/much2', '/little', '/much3']);
});

it('refuses what exceeds its queue, from the client that has most in it', async () => {
  const { by } = await poolOf({ connections: 1, pending: 2 });
  const much = { clientGroup: 'much', clientConnection: {} };
  const [, second, third] = ['/1', '/2', '/3'].map((path) => by.ask(path, much));
  const other = by.ask('/other', { clientGroup: 'other' });
  expect([second, third, other].map((request) => request?.outcome)).toEqual([null, 'overloaded', null]);
});

it('leaves the last places to clients that have few', async () => {
  const { shard, by } = await poolOf({ connections: 8 });
  const much = { clientGroup: 'much', clientConnection: {} };
  for (let i = 0; i < 8; i++) by.ask('/much', much);
  await expect.poll(() => shard.asked.length).toBe(7);
  by.ask('/little', { clientGroup: 'little' });
  await expect.poll(() => shard.asked.at(-1)).toBe('/little');
  expect(by.pool.openConnections).toBe(8);
});

it('makes another connection for what waits when one is lost', async () => {
  const { shard, by } = await poolOf({ connections: 1 });
  const [lost, waiting] = [by.ask('/lost'), by.ask('/waits')];
  await expect.poll(() => shard.asked).toEqual(['/lost']);
  shard.cut();
  await expect.poll(() => shard.asked.at(-1)).toBe('/waits');
  expect(lost.outcome).toBe(`reset ${ResetCause.ConnectionLost}`);
  shard.answer(2);
  await expect.poll(() => waiting.outcome).toBe('204');
});

it('cuts connections with a request on them, and keeps the idle ones', async () => {
  const { shard, by } = await poolOf();
  const done = by.ask('/done');
  await expect.poll(() => shard.asked.length).toBe(1);
  const cut = by.ask('/cut');
  await expect.poll(() => shard.asked.length).toBe(2);
  shard.answer();
  await expect.poll(() => done.outcome).toBe('204');
  by.pool.cut();
  expect([cut.outcome, by.pool.openConnections]).toEqual([`reset ${ResetCause.ConnectionLost}`, 1]);
  await expect.poll(() => shard.connections).toBe(1);
});

it('reports a shard that it cannot reach, and doubts its protocol', async () => {
  const { shard, by } = await poolOf();
  await shard.close();
  const request = by.ask('/');
  await expect.poll(() => request.outcome).toBe(`reset ${ResetCause.ConnectionLost}`);
  expect([by.reached, by.doubts]).toEqual([['ECONNREFUSED'], [false]]);
});

it('doubts what a shard speaks that ends a new connection without an answer, and goes on if others were answered', async () => {
  const { shard, by } = await poolOf();
  const first = by.ask('/first');
  await expect.poll(() => shard.asked.length).toBe(1);
  shard.answer();
  await expect.poll(() => first.outcome).toBe('204');
  for (const path of ['/kept', '/new']) by.ask(path);
  await expect.poll(() => shard.asked.length).toBe(3);
  shard.cut();
  // One of the two has been answered before, and says nothing of what the shard speaks by now.
  await expect.poll(() => by.doubts).toEqual([true]);
});

it('takes no more requests once it has been destroyed', async () => {
  const { shard, by } = await poolOf();
  by.pool.destroy();
  by.ask('/late');
  expect([shard.connections, by.pool.openConnections]).toEqual([0, 0]);
});
