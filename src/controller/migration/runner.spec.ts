import { afterEach, expect, it } from 'vitest';
import { NAME, registries, WHO } from '../../../test/support/changes-in-waves.ts';
import { collectedFaults } from '../../../test/support/collected-faults.ts';
import { Scope } from '../../../test/support/processes.ts';
import { PATIENCE } from '../../../test/support/registries.ts';
import { RespClientError } from '../../resp/index.ts';
import { checkTopology, type Node } from '../../topology/index.ts';
import { type ShardKeeper, SlotMoveError, type SlotMover, SlotStuck } from '../engine.ts';
import { directed, type Migration, queued } from './migration.ts';
import { MigrationRunner } from './runner.ts';
import { StoredQueue } from './stored-queue.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Nodes that have slots and keys, and note what they are told. */
class FakeMover implements SlotMover {
  slotsAtOnce = 1;
  /** The shards that have slots, by their nodes' word. */
  readonly owners = new Map<number, string>();
  /** How many keys each slot has at its old owner. */
  readonly keys = new Map<number, number>();
  readonly told: string[] = [];
  run = 'first';
  onOpen: () => Promise<void> = async () => {};
  onBatch: (slots: readonly number[]) => Promise<void> = async () => {};
  /** After some slots are settled of those that are to be. */
  onSettling: (slots: readonly number[]) => Promise<void> = async () => {};

  owned = async ({ shard }: Node, slots: readonly number[]): Promise<ReadonlySet<number>> =>
    new Set(slots.filter((slot) => this.owners.get(slot) === shard));
  countKeys = async (slots: readonly number[]): Promise<number[]> => slots.map((slot) => this.keys.get(slot) ?? 0);
  runOf = async (): Promise<string> => this.run;
  avoid = (): void => {};
  close = (): void => {};

  async open(slots: readonly number[]): Promise<void> {
    this.told.push(`open ${slots}`);
    await this.onOpen();
  }

  async moveKeys(slots: readonly number[], _from: Node, _to: Node, _count: number, run: string): Promise<number> {
    this.told.push(`move ${slots} of ${run}`);
    await this.onBatch(slots);
    const slot = slots.find((each) => (this.keys.get(each) ?? 0) > 0);
    const keys = this.keys.get(slot ?? -1) ?? 0;
    if (slot !== undefined) this.keys.set(slot, 0);
    return keys;
  }

  async settle(slots: readonly number[], _from: Node, to: Node): Promise<void> {
    this.told.push(`settle ${slots}`);
    for (const [i, slot] of slots.entries()) {
      if (i > 0) await this.onSettling(slots);
      this.owners.set(slot, to.shard);
    }
  }
}

/** Shards a, of slots 0 to 9, and b, and a migration of slots of a to b. */
async function runner(slots: readonly [number, number], withData = true, keysPerSecond: number | null = null) {
  const registry = (await registries(scope))();
  const shards = [
    { id: 'a', address: 'a:1', slots: '0-9' },
    { id: 'b', address: 'b:1', slots: '10-19' },
    { id: 'c', address: 'c:1', slots: '20-16382' },
    { id: 'd', address: 'd:1', slots: '16383' },
  ];
  await registry.topologies.commit(checkTopology({ ...NAME, placement: { slots: {} }, shards }, 'the test'));
  const term = await registry.elections.campaign('controller', 'the test', 60_000, new AbortController().signal);
  if (term === null) throw new Error('there is no term');
  scope.defer(() => term.resign());
  const mover = new FakeMover();
  for (let slot = 0; slot < 10; slot++) mover.owners.set(slot, 'a');
  const queue = new StoredQueue(registry, NAME);
  const move = { from: 'a', to: 'b', slots: [slots], withData, keysPerSecond };
  await queue.change((now) => queued(now, [move]), null);
  const { log, faults } = collectedFaults();
  const one = new MigrationRunner(registry, NAME, mover, {} as ShardKeeper, WHO, log);
  const until = new AbortController().signal;
  const turn = () => one.turn(term, until);
  const migration = async () => (await queue.read()).migrations[0] as Migration;
  return { one, registry, mover, queue, turn, migration, faults };
}

it('tells no node anything of a slot that is to move without keys and has some', async () => {
  const { mover, turn, migration } = await runner([3, 5], false);
  mover.keys.set(4, 7);
  await turn();
  expect(mover.told).toEqual(['open 3', 'move 3 of first', 'settle 3']);
  expect(await migration()).toMatchObject({ state: 'failed', open: null, left: [[4, 5]] });
  expect((await migration()).reason).toContain('slot 4 has 7 keys');
});

it('moves the keys that have come to a slot since it was seen to have none', async () => {
  const { mover, turn, migration } = await runner([3, 3], false);
  mover.onOpen = async () => void mover.keys.set(3, 1);
  await turn();
  expect(mover.told).toEqual(['open 3', 'move 3 of first', 'move 3 of first', 'settle 3']);
  expect(await migration()).toMatchObject({ state: 'done', movedKeys: 1 });
});

it('has the topology follow each pair of shards, whatever another one waits for', async () => {
  const { registry, mover, queue, turn } = await runner([3, 3]);
  mover.owners.set(30, 'c');
  const other = { from: 'c', to: 'd', slots: [[30, 30]], withData: true, keysPerSecond: null } as const;
  await queue.change((now) => queued(now, [other]), null);
  const { promise: isDone, resolve: end } = Promise.withResolvers<void>();
  mover.onBatch = async ([slot]) => (slot === 30 ? isDone : undefined);
  const turning = turn();
  const ownerOf3 = async () => {
    const shards = (await registry.topologies.read(NAME))?.shards ?? [];
    return shards.find(({ slots = [] }) => slots.some(([first, last]) => first <= 3 && 3 <= last))?.id;
  };
  await expect.poll(ownerOf3, PATIENCE).toBe('b');
  await expect
    .poll(async () => (await queue.read()).migrations.map(({ state }) => state), PATIENCE)
    .toEqual(['done', 'queued']);
  end();
  await turning;
  expect((await queue.read()).migrations.map(({ state }) => state)).toEqual(['done', 'done']);
});

it('tells no node anything of a slot that neither of its shards has', async () => {
  const { mover, turn, migration } = await runner([3, 5]);
  mover.owners.set(4, 'c');
  await turn();
  expect(mover.told).toEqual(['open 3', 'move 3 of first', 'settle 3']);
  expect(await migration()).toMatchObject({ state: 'queued', open: null });
  expect((await migration()).reason).toContain('neither a:1 nor b:1 has slot 4');
});

it('fails where a slot is another shard’s by the topology', async () => {
  const { mover, turn, migration } = await runner([20, 20]);
  await turn();
  expect(mover.told).toEqual([]);
  expect(await migration()).toMatchObject({ state: 'failed', reason: "slot 20 is c's, not a's" });
});

it('goes on by the run of the server that had the slot when it was opened', async () => {
  const { mover, queue, turn, migration } = await runner([3, 3]);
  mover.onBatch = () => Promise.reject(new SlotMoveError('it was restarted'));
  await turn();
  expect((await migration()).open).toEqual({ moving: [[3, 3]], settling: [], run: 'first' });
  mover.run = 'second';
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.filter((each) => each.startsWith('move'))).toEqual(['move 3 of first', 'move 3 of first']);
  expect((await queue.read()).migrations[0]?.state).toBe('done');
});

it('completes the slot that is on its way where it is paused, and moves no other', async () => {
  const { mover, queue, turn, migration } = await runner([3, 5]);
  mover.keys.set(3, 2);
  mover.onBatch = async () => void (await queue.change((now) => directed(now, 'pause', 1), null).catch(() => {}));
  await turn();
  expect(mover.told).toEqual(['open 3', 'move 3 of first', 'move 3 of first', 'settle 3']);
  expect(await migration()).toMatchObject({ state: 'paused', open: null, left: [[4, 5]] });
});

it('leaves a slot as it is whose key is too large, until people have it resumed', async () => {
  const { mover, queue, turn, migration } = await runner([3, 3]);
  mover.onBatch = () => Promise.reject(new SlotMoveError('a key is too large', true));
  await turn();
  expect(await migration()).toMatchObject({
    state: 'failed',
    open: { moving: [[3, 3]] },
    reason: 'a key is too large',
  });
  const other = { from: 'a', to: 'c', slots: [[3, 3]] as const, withData: true, keysPerSecond: null };
  await expect(queue.change((now) => queued(now, [other]), null)).rejects.toThrow('slot 3 is in migration 1');
  mover.onBatch = async () => {};
  await queue.change((now) => directed(now, 'resume', 1), null);
  await turn();
  expect((await migration()).state).toBe('done');
});

it('leaves the slots of a shard that is held as they are, in the middle of one, and goes on with it later', async () => {
  const { one, mover, queue, turn, migration } = await runner([3, 3]);
  mover.keys.set(3, 2);
  mover.onBatch = async () => one.hold(new Set(['b']));
  await turn();
  await turn();
  expect(mover.told).toEqual(['open 3', 'move 3 of first']);
  expect((await migration()).open?.moving).toEqual([[3, 3]]);
  one.hold(new Set());
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['open 3', 'move 3 of first', 'settle 3']);
  expect((await queue.read()).migrations[0]?.state).toBe('done');
});

/** A runner that moves several slots at once. */
async function severalAtOnce(...args: Parameters<typeof runner>) {
  const all = await runner(...args);
  all.mover.slotsAtOnce = 64;
  return all;
}

it('moves slots with few keys together: all are in the registry before a node is told of one, and before one is settled', async () => {
  const { mover, queue, turn, migration } = await severalAtOnce([3, 5]);
  mover.keys.set(4, 2);
  const seen: unknown[] = [];
  const see = async () => void seen.push((await migration()).open);
  mover.onOpen = see;
  mover.onSettling = see;
  await turn();
  expect(mover.told).toEqual(['open 3,4,5', 'move 3,4,5 of first', 'move 3,4,5 of first', 'settle 3,4,5']);
  const open = { moving: [[3, 5]], settling: [], run: 'first' };
  const settling = { moving: [], settling: [[3, 5]], run: 'first' };
  expect(seen).toEqual([open, settling, settling]);
  expect(await migration()).toMatchObject({ state: 'done', movedKeys: 2, open: null });
  expect((await queue.read()).migrations).toHaveLength(1);
});

it('has no more than some keys on their way at once, and a slot with more by itself', async () => {
  const { mover, turn } = await severalAtOnce([1, 6]);
  for (const [slot, keys] of [60, 40, 1, 500, 0, 3].entries()) mover.keys.set(1 + slot, keys);
  await turn();
  expect(mover.told.filter((each) => each.startsWith('open'))).toEqual(['open 1,2', 'open 3', 'open 4', 'open 5,6']);
});

it('has no more keys on their way at once than are to move within a second', async () => {
  const { mover, turn } = await severalAtOnce([1, 3], true, 1000);
  for (const slot of [1, 2, 3]) mover.keys.set(slot, 1);
  await turn();
  const slow = await severalAtOnce([1, 3], true, 1);
  for (const slot of [1, 2, 3]) slow.mover.keys.set(slot, 1);
  slow.mover.onBatch = () => Promise.reject(new SlotMoveError('that is enough'));
  await slow.turn();
  expect([mover.told[0], slow.mover.told[0]]).toEqual(['open 1,2,3', 'open 1']);
});

it('moves together, without keys, the slots before one that has some', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 6], false);
  mover.keys.set(5, 7);
  await turn();
  expect(mover.told).toEqual(['open 3,4', 'move 3,4 of first', 'settle 3,4']);
  expect(await migration()).toMatchObject({ state: 'failed', open: null, left: [[5, 6]] });
});

it('opens no slot together with others that neither of its shards has, or that is another one’s', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.owners.set(5, 'c');
  await turn();
  expect(mover.told).toEqual(['open 3,4', 'move 3,4 of first', 'settle 3,4']);
  expect((await migration()).reason).toContain('neither a:1 nor b:1 has slot 5');
  const other = await severalAtOnce([9, 21]);
  for (let slot = 10; slot < 20; slot++) other.mover.owners.set(slot, 'b');
  await other.turn();
  expect(other.mover.told).toEqual([
    'open 9',
    'move 9 of first',
    'settle 9',
    `settle ${[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]}`,
  ]);
  expect(await other.migration()).toMatchObject({ state: 'failed', reason: "slot 20 is c's, not a's" });
});

it('goes on with slots that are on their way beside one that neither of its shards has any more', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.onBatch = () => Promise.reject(new RespClientError('closed'));
  await turn();
  mover.owners.set(4, 'c');
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['open 3,5', 'move 3,5 of first', 'settle 3,5']);
  expect(await migration()).toMatchObject({ state: 'queued', open: { moving: [[4, 4]], settling: [] } });
  expect((await migration()).reason).toContain('neither a:1 nor b:1 has slot 4');
  mover.owners.set(4, 'b');
  await turn();
  expect(await migration()).toMatchObject({ state: 'done', open: null });
});

it('goes on with all slots that are on their way, also with those that somebody has moved meanwhile', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.onBatch = () => Promise.reject(new RespClientError('closed'));
  await turn();
  expect((await migration()).open).toEqual({ moving: [[3, 5]], settling: [], run: 'first' });
  mover.owners.set(4, 'b');
  mover.run = 'second';
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['open 3,5', 'move 3,5 of first', 'settle 3,4,5']);
  expect(await migration()).toMatchObject({ state: 'done', open: null });
});

it('settles all slots again where it was interrupted among them, and moves no key of them', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.onSettling = () => Promise.reject(new RespClientError('closed'));
  await turn();
  expect(mover.owners.get(3)).toBe('b');
  expect((await migration()).open).toEqual({ moving: [], settling: [[3, 5]], run: 'first' });
  mover.onSettling = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['settle 3,4,5', 'settle 3,4,5']);
  expect(await migration()).toMatchObject({ state: 'done', settled: [] });
});

it('leaves on its way only the slot whose key is too large, and moves those that were opened with it', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 6]);
  mover.onBatch = async (slots) => {
    for (const slot of slots) if (slot === 4 || slot === 6) throw new SlotStuck(slot, `slot ${slot} is stuck`);
  };
  await turn();
  expect(mover.told).toEqual([
    'open 3,4,5,6',
    'move 3,4,5,6 of first',
    'move 3,5,6 of first',
    'move 3,5 of first',
    'settle 3,5',
  ]);
  const stuck = {
    moving: [
      [4, 4],
      [6, 6],
    ],
    settling: [],
    run: 'first',
  };
  expect(await migration()).toMatchObject({
    state: 'failed',
    reason: 'slot 4 is stuck',
    open: stuck,
    left: stuck.moving,
  });
});

it('settles no slot of those that are on their way where their shard is held before', async () => {
  const { one, mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.keys.set(5, 1);
  mover.onBatch = async () => one.hold(new Set(['a']));
  await turn();
  await turn();
  expect(mover.told).toEqual(['open 3,4,5', 'move 3,4,5 of first']);
  one.hold(new Set());
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['open 3,4,5', 'move 3,4,5 of first', 'settle 3,4,5']);
  expect(await migration()).toMatchObject({ state: 'done' });
});

it('completes all slots that are on their way where it is cancelled, and moves no other', async () => {
  const { mover, queue, turn, migration } = await severalAtOnce([1, 9]);
  mover.keys.set(3, 200);
  mover.onBatch = async () => void (await queue.change((now) => directed(now, 'cancel', null), null));
  await turn();
  expect(mover.told).toEqual(['open 1,2', 'move 1,2 of first', 'settle 1,2']);
  expect(await migration()).toMatchObject({ state: 'cancelled', open: null, left: [[3, 9]] });
});

it('settles the other slots also where it was interrupted among them, and one is still stuck', async () => {
  const { mover, turn, migration } = await severalAtOnce([3, 5]);
  mover.onBatch = async (slots) => {
    if (slots.includes(4)) throw new SlotStuck(4, 'slot 4 is stuck');
  };
  mover.onSettling = () => Promise.reject(new RespClientError('closed'));
  await turn();
  expect((await migration()).open).toEqual({
    moving: [[4, 4]],
    settling: [
      [3, 3],
      [5, 5],
    ],
    run: 'first',
  });
  mover.onSettling = async () => {};
  await turn();
  expect(mover.told.slice(3)).toEqual(['settle 3,5', 'open 4', 'move 4 of first', 'settle 3,5']);
  const stuck = { moving: [[4, 4]], settling: [], run: 'first' };
  expect(await migration()).toMatchObject({ state: 'failed', open: stuck, left: [[4, 4]], settled: [] });
});
