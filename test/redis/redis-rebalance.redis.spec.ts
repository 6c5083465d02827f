import { afterEach, expect, it } from 'vitest';
import { slotOf } from '../../src/placement/index.ts';
import type { Shard, Topology } from '../../src/topology/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { LedRedis, startBefore } from './led-redis.ts';
import { askNode } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

async function led(): Promise<{ redis: LedRedis; topology: Topology }> {
  const redis = await LedRedis.start(scope);
  await redis.control().printed(/a topology is committed/);
  return { redis, topology: await redis.becomes(({ shards }) => shards.every(({ slots }) => slots?.length === 1)) };
}

async function rebalance(redis: LedRedis, words: readonly string[], printed: RegExp): Promise<string> {
  const command = scope.keyway(['redis', 'rebalance', 'docs', ...words, '--registry', redis.registryAddress]);
  await command.printed(printed);
  return command.output;
}

/** What a table says of each shard, before and after. */
function loadsIn(text: string): Array<readonly [before: number, after: number]> {
  return [...text.matchAll(/^[0-9a-f]{40} +(\d+) +(\d+)$/gm)].map(([, before, after]) => [
    Number(before),
    Number(after),
  ]);
}

/** Texts with these slots as their names. */
function keysIn({ slots = [] }: Shard, count: number): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const slot = slotOf(Buffer.from(`key:${i}`), 0, `key:${i}`.length);
    if (slots.some(([first, last]) => first <= slot && slot <= last)) keys.push(`key:${i}`);
  }
  return keys;
}

it('gives shards about equally many keys, or as much memory, and shows first what it would do', async () => {
  const { redis, topology } = await led();
  const [first, second] = topology.shards as [Shard, Shard];
  const portOf = ({ address }: Shard): number => redis.at(address).port;
  for (const key of keysIn(first, 900)) await askNode(portOf(first), 'SET', key, 'x');
  const byMemory = ['--by', 'memory', '--threshold', '5'];
  for (const key of keysIn(second, 30)) await askNode(portOf(second), 'SET', key, 'x'.repeat(20_000));
  const memory = loadsIn(await rebalance(redis, byMemory, /nothing was done/));
  expect(memory[1]?.[0]).toBeGreaterThan(30 * 20_000);
  expect(memory[1]?.[0]).toBeGreaterThan(5 * (memory[0]?.[0] ?? 0));
  const all = memory.reduce((sum, [before]) => sum + before, 0);
  for (const [, after] of memory) expect(Math.abs(after - all / 3)).toBeLessThan(0.05 * all);

  const keys = await rebalance(redis, ['--by', 'keys'], /nothing was done/);
  expect(loadsIn(keys).map(([before]) => before)).toEqual([900, 30, 0]);
  expect((await redis.topology()).version).toBe(topology.version);
  await rebalance(redis, ['--by', 'keys', '--execute'], /queued/);
  const sizes = async (): Promise<number[]> => {
    const replies = await Promise.all(topology.shards.map((shard) => askNode(portOf(shard), 'DBSIZE')));
    return replies.map((reply) => Number(reply.type === 'integer' && reply.value));
  };
  // The mean is 310; what a shard may have more or less by default is 2 %.
  await expect.poll(async () => (await sizes()).every((size) => Math.abs(size - 310) <= 6), PATIENCE).toBe(true);
}, 120_000);

it('gives shards about equally many commands, as a router counts them', async () => {
  const { redis, topology } = await led();
  const router = await startBefore(scope, redis);
  const [busy] = topology.shards as [Shard];
  const keys = keysIn(busy, 6);
  const admin = ['--admin', router.admin.replace('http://', ''), '--for', '3'];
  const planning = rebalance(redis, ['--by', 'traffic', ...admin, '--threshold', '20'], /nothing was done/);
  let isOver = false;
  void planning.finally(() => {
    isOver = true;
  });
  while (!isOver) for (const key of keys) await askNode(router.port, 'INCR', key);
  const text = await planning;
  const [first, ...others] = loadsIn(text) as [readonly [number, number], ...Array<readonly [number, number]>];
  expect(others.map(([before]) => before)).toEqual([0, 0]);
  // Each of six slots has had about as many commands.
  expect(first[1]).toBeLessThan(first[0] / 2);
  expect(others.every(([, after]) => after > first[0] / 5)).toBe(true);
  expect(text.match(/^[0-9a-f]{40} +[0-9a-f]{40} +2 +\d/gm)).toHaveLength(2);
}, 120_000);
