import { expect, it } from 'vitest';
import { checkTopology, type Topology, type TopologyVersion } from '../topology/index.ts';
import type { Change, Entry, Revision } from './store/store.ts';
import { type Pointer, pointerKey, versionChanges, versionKey, versionOf } from './topology-entries.ts';

const NAME = { namespace: 'default', cluster: 'docs' };
const draft = checkTopology(
  { ...NAME, placement: { fixedRing: {} }, shards: [{ id: 's0', address: '127.0.0.1:9000' }] },
  'the test',
);

function topology(version: number, isMoving: boolean): Topology {
  const { name: _name, ...piece } = draft;
  const moving = { since: 1, cursor: 0.5, rest: [{ ...piece, until: 1 }] };
  return { ...draft, version: version as TopologyVersion, ...(isMoving ? { moving } : {}) };
}

/** What a store has after versions were committed one after the other. */
class Stored {
  readonly entries = new Map<string, string>();

  commit(version: number, { isMoving = false, inUse = [] as number[], isOld = false } = {}): void {
    const entry = this.entries.get(pointerKey(NAME));
    const before = entry === undefined ? null : (JSON.parse(entry) as Pointer);
    const changes: Change[] = versionChanges(NAME, topology(version, isMoving), {
      at: '',
      before,
      change: null,
      inUse: new Set(inUse),
    });
    for (const { key, value } of changes)
      value === null ? this.entries.delete(key) : this.entries.set(key, value ?? '');
    // An earlier release does not say what it stores.
    if (isOld) this.entries.set(pointerKey(NAME), JSON.stringify({ version, deleted: false }));
  }

  has(version: number): boolean {
    return this.entries.has(versionKey(NAME, version));
  }
}

it('keeps a hundred whole versions, however many waves lie between them', () => {
  const stored = new Stored();
  stored.commit(1);
  for (let version = 2; version < 500; version++) stored.commit(version, { isMoving: true });
  for (let version = 500; version < 599; version++) stored.commit(version);
  expect(stored.has(1)).toBe(true);
  stored.commit(599);
  expect([1, 500, 599].map((version) => stored.has(version))).toEqual([false, true, true]);
});

it('keeps the last waves of a change alone', () => {
  const stored = new Stored();
  for (let version = 1; version <= 100; version++) stored.commit(version, { isMoving: true });
  expect([80, 81, 100].map((version) => stored.has(version))).toEqual([false, true, true]);
});

it('keeps a version by which a router may serve that is out of sight, and removes it once that is over', () => {
  const stored = new Stored();
  for (let version = 1; version <= 100; version++) stored.commit(version, { isMoving: true, inUse: [7] });
  expect(stored.has(7)).toBe(true);
  stored.commit(101);
  expect(stored.has(7)).toBe(false);
});

it('goes on from what an earlier release has stored, which does not say it', () => {
  const stored = new Stored();
  for (let version = 1; version <= 150; version++) stored.commit(version, { isOld: true });
  stored.commit(151);
  expect([50, 51, 52, 151].map((version) => stored.has(version))).toEqual([false, false, true, true]);
});

it.each([
  ['a change', 7, 7],
  ['what was committed at once', null, null],
  ['a change that an earlier release has staged, which has not said so', undefined, undefined],
])('says of which change a version is: %s', (_, change, read) => {
  const value = versionChanges(NAME, topology(2, false), { at: '', before: null, change })[1].value as string;
  const [created, key] = [1 as Revision, versionKey(NAME, 2)];
  const entry: Entry = { key, value, created, revision: created };
  expect(versionOf(NAME, entry).change).toBe(read);
});
