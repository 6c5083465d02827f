import { afterEach, expect, it } from 'vitest';
import { FakeRedis } from '../../../../test/redis/fake-redis.ts';
import { Scope } from '../../../../test/support/processes.ts';
import { arrayReply, bulkReply, errorReply, integerReply, nullReply } from '../../../resp/index.ts';
import type { Shard } from '../../../topology/index.ts';
import { weighSlots } from './slot-weights.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A shard of slots 0 to 9 that has 20 keys in slot 3, and two in slot 5. */
async function shard() {
  const node = await FakeRedis.start(scope, 's0');
  const counts: Record<string, number> = { 3: 20, 5: 2 };
  node.instead = ([name, what, slot = '', most]) => {
    if (name === 'MEMORY') return slot === '5:0' ? nullReply(2) : integerReply(slot.startsWith('3') ? 100 : 7000);
    if (what === 'COUNTKEYSINSLOT') return integerReply(counts[slot] ?? 0);
    const keys = Array.from({ length: Math.min(Number(most), counts[slot] ?? 0) }, (_, i) => bulkReply(`${slot}:${i}`));
    return what === 'GETKEYSINSLOT' ? arrayReply(keys) : undefined;
  };
  const shards = [{ id: 's0', address: `127.0.0.1:${node.port}`, slots: [[0, 9]] }] as unknown as readonly Shard[];
  return { node, shards };
}

const ASKED = { login: null, timeoutMs: 5000 };

it('weighs slots by their keys', async () => {
  const { node, shards } = await shard();
  const weights = await weighSlots(shards, { ...ASKED, by: 'keys' });
  expect([...weights]).toEqual([
    [3, 20],
    [5, 2],
  ]);
  expect(node.times('CLUSTER')).toBe(10);
});

it('weighs slots by what some of their keys take of memory, without those that have gone meanwhile', async () => {
  const { node, shards } = await shard();
  const weights = await weighSlots(shards, { ...ASKED, by: 'memory' });
  expect([...weights]).toEqual([
    [3, 20 * 100],
    [5, 2 * 7000],
  ]);
  expect(node.times('MEMORY')).toBe(12);
});

it('says which node refuses', async () => {
  const { node, shards } = await shard();
  node.instead = () => errorReply('NOPERM this user has no permissions');
  const weighing = weighSlots(shards, { ...ASKED, by: 'keys' });
  await expect(weighing).rejects.toThrow(`127.0.0.1:${node.port} refuses: NOPERM`);
});
