import { afterEach, expect, it } from 'vitest';
import { NAME, registries, WHO } from '../../../test/support/changes-in-waves.ts';
import { Scope } from '../../../test/support/processes.ts';
import { checkTopology, type Node } from '../../topology/index.ts';
import { type ShardKeeper, SlotMoveError, type SlotMover } from '../engine.ts';
import { directed, type Migration, queued } from './migration.ts';
import { MigrationRunner } from './runner.ts';
import { StoredQueue } from './stored-queue.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Nodes that have slots and keys, and note what they are told. */
class FakeMover implements SlotMover {
  /** The shards that have slots, by their nodes' word. */
  readonly owners = new Map<number, string>();
  /** How many keys each slot has at its old owner. */
  readonly keys = new Map<number, number>();
  readonly told: string[] = [];
  run = 'first';
  onBatch: () => Promise<void> = async () => {};

  owns = async ({ shard }: Node, slot: number): Promise<boolean> => this.owners.get(slot) === shard;
  countKeys = async (slot: number): Promise<number> => this.keys.get(slot) ?? 0;
  runOf = async (): Promise<string> => this.run;
  avoid = (): void => {};
  close = (): void => {};

  async open(slot: number): Promise<void> {
    this.told.push(`open ${slot}`);
  }

  async moveKeys(slot: number, _from: Node, _to: Node, _count: number, run: string): Promise<number> {
    this.told.push(`move ${slot} of ${run}`);
    await this.onBatch();
    const keys = this.keys.get(slot) ?? 0;
    this.keys.set(slot, 0);
    return keys;
  }

  async settle(slot: number, _from: Node, to: Node): Promise<void> {
    this.told.push(`settle ${slot}`);
    this.owners.set(slot, to.shard);
  }
}

/** Shards a, of slots 0 to 9, and b, and a migration of slots of a to b. */
async function runner(slots: readonly [number, number], withData = true) {
  const registry = (await registries(scope))();
  const shards = [
    { id: 'a', address: 'a:1', slots: '0-9' },
    { id: 'b', address: 'b:1', slots: '10-19' },
    { id: 'c', address: 'c:1', slots: '20-16383' },
  ];
  await registry.topologies.commit(checkTopology({ ...NAME, placement: { slots: {} }, shards }, 'the test'));
  const term = await registry.elections.campaign('controller', 'the test', 60_000, new AbortController().signal);
  if (term === null) throw new Error('there is no term');
  scope.defer(() => term.resign());
  const mover = new FakeMover();
  for (let slot = 0; slot < 10; slot++) mover.owners.set(slot, 'a');
  const queue = new StoredQueue(registry, NAME);
  const move = { from: 'a', to: 'b', slots: [slots], withData, keysPerSecond: null };
  await queue.change((now) => queued(now, [move]), null);
  const faults: string[] = [];
  const log = { onCommitted: () => {}, onTold: () => {}, onFault: (message: string) => faults.push(message) };
  const one = new MigrationRunner(registry, NAME, mover, {} as ShardKeeper, WHO, log);
  const until = new AbortController().signal;
  const turn = () => one.turn(term, until);
  const migration = async () => (await queue.read()).migrations[0] as Migration;
  return { one, mover, queue, turn, migration, faults };
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
  mover.open = async () => void mover.keys.set(3, 1);
  await turn();
  expect(mover.told).toEqual(['move 3 of first', 'move 3 of first', 'settle 3']);
  expect(await migration()).toMatchObject({ state: 'done', movedKeys: 1 });
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
  expect((await migration()).open).toEqual({ slot: 3, run: 'first', isSettling: false });
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
  expect(await migration()).toMatchObject({ state: 'failed', open: { slot: 3 }, reason: 'a key is too large' });
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
  expect((await migration()).open?.slot).toBe(3);
  one.hold(new Set());
  mover.onBatch = async () => {};
  await turn();
  expect(mover.told.slice(2)).toEqual(['open 3', 'move 3 of first', 'settle 3']);
  expect((await queue.read()).migrations[0]?.state).toBe('done');
});
