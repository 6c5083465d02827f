import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Progress, type Run, RunOver, StaleRun } from '../../housekeeping/index.ts';
import { type Ownership, ownerOfAll } from '../../ownership/index.ts';
import { type Change, ChangesRemoved, DocumentStore } from '../document-store.ts';
import { DocumentWatches } from '../document-watches.ts';
import { Sessions } from '../sessions.ts';
import { MaintenanceStore } from './maintenance-store.ts';
import { shardHousekeepingSchema } from './settings.ts';
import { shardTasks } from './tasks.ts';

const TOKEN = { shard: 's0', version: 0 };
const value = Buffer.from('v');
let folder = '';
let file = '';
let store: DocumentStore;
let maintenance: MaintenanceStore;
let sessions: Sessions;
let watches: DocumentWatches;
/** Tokens of writes that were not refused. */
const written: number[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-housekeeping-'));
  file = join(folder, 'documents.sqlite');
  store = new DocumentStore(file);
  maintenance = new MaintenanceStore(file);
  sessions = new Sessions(file);
  watches = new DocumentWatches();
  written.length = 0;
});
afterEach(() => {
  store.close();
  maintenance.close();
  sessions.dispose();
  rmSync(folder, { recursive: true });
});

/** What the time of day is made out to be for what was written before. */
function later(ms: number): void {
  const database = new DatabaseSync(file);
  database.exec(`UPDATE changes SET at = at - ${ms}`);
  database.exec(`UPDATE sessions SET seen_at = seen_at - ${ms}`);
  database.exec(`UPDATE documents SET expires_at = expires_at - ${ms}`);
  database.close();
}

function countOf(key: string): number {
  const database = new DatabaseSync(file);
  const { count } = database.prepare('SELECT count(*) AS count FROM changes WHERE key = ?').get(key) as {
    count: number;
  };
  database.close();
  return count;
}

function putTimes(key: string, times: number): void {
  for (let i = 0; i < times; i++) store.put(key, value, null, TOKEN);
}

interface RunOptions {
  readonly token?: number;
  readonly cursor?: string | null;
  readonly candidates?: number;
  readonly mayGoOn?: () => boolean;
  readonly settings?: object;
  readonly ownership?: Ownership;
}

function run(name: string, unit: Run['unit'], more: RunOptions = {}): Promise<Progress> {
  const {
    token = 1,
    cursor = null,
    candidates = 1000,
    mayGoOn = () => true,
    settings = {},
    ownership = ownerOfAll,
  } = more;
  const parts = {
    shard: 's0',
    store,
    maintenance,
    watches,
    ownership,
    clock: () => performance.now(),
    onWrite: (_task: string, _unit: string, by: number) => written.push(by),
  };
  const task = shardTasks(parts, shardHousekeepingSchema.parse({ tasks: { [name]: settings } })).find(
    (each) => each.name === name,
  );
  if (task === undefined) throw new Error(`no task ${name}`);
  const signal = new AbortController().signal;
  const onProgress = (): void => {};
  return task.run({
    unit,
    token: token as Run['token'],
    cursor,
    candidates,
    deadlineMs: 0,
    signal,
    mayGoOn,
    onProgress,
  });
}

const project = (name: string): Run['unit'] => ({ kind: 'project', project: name });
const few = { leastChanges: 10, keptChanges: 3 };

it('compacts the documents of one project that have many changes, and keeps the last ones', async () => {
  putTimes('p/many', 12);
  putTimes('p/few', 9);
  putTimes('other/many', 12);
  const { revision } = store.put('p/many', value, null, TOKEN);
  expect(await run('compaction', project('p'), { settings: few })).toEqual({
    cursor: null,
    candidates: 2,
    changed: 10,
  });
  expect(countOf('p/many')).toBe(3);
  expect(countOf('p/few')).toBe(9);
  expect(countOf('other/many')).toBe(12);
  expect(store.get('p/many')?.revision).toBe(revision);
});

it('compacts hundreds of changes in one go, whatever number there was', async () => {
  putTimes('p/many', 1100);
  await run('compaction', project('p'), { settings: few });
  expect(countOf('p/many')).toBe(3);
});

it('resumes a watch from what is kept, and says so where changes are no longer', async () => {
  const first = store.put('p/d', value, null, TOKEN);
  putTimes('p/d', 12);
  putTimes('p/quiet', 1);
  await run('compaction', project('p'), { settings: few });
  expect(() => store.changesAfter('p/d', first.revision)).toThrow(ChangesRemoved);
  const last = store.get('p/d')?.revision ?? 0;
  expect(store.changesAfter('p/d', last - 2)).toHaveLength(2);
  // Of a document that lost nothing all is there.
  expect(store.changesAfter('p/quiet', store.get('p/quiet')?.revision ?? 0)).toEqual([]);
});

it('continues after the cursor, and stops between two documents when it may not continue', async () => {
  for (const key of ['p/a', 'p/b', 'p/c']) putTimes(key, 12);
  const first = await run('compaction', project('p'), { settings: few, candidates: 2 });
  expect(first).toEqual({ cursor: 'p/b', candidates: 2, changed: 18 });
  const stopped = await run('compaction', project('p'), { settings: few, cursor: 'p/b', mayGoOn: () => false });
  expect(stopped).toEqual({ cursor: 'p/b', candidates: 0, changed: 0 });
  expect(await run('compaction', project('p'), { settings: few, cursor: 'p/b' })).toMatchObject({
    cursor: null,
    changed: 9,
  });
});

it('forgets documents that were deleted long ago, with all their changes, and no others', async () => {
  putTimes('p/gone', 3);
  store.delete('p/gone', null, TOKEN);
  putTimes('p/there', 3);
  later(60_000);
  putTimes('p/just', 1);
  store.delete('p/just', null, TOKEN);
  const outcome = await run('tombstones', project('p'), { settings: { after: '30s' } });
  expect(outcome).toEqual({ cursor: null, candidates: 3, changed: 4 });
  expect([countOf('p/gone'), countOf('p/there'), countOf('p/just')]).toEqual([0, 3, 2]);
  // A watch that had not seen the deletion has to begin again.
  expect(() => store.changesAfter('p/gone', 1)).toThrow(ChangesRemoved);
  expect(store.put('p/gone', value, null, TOKEN).revision).toBeGreaterThan(9);
});

it('ends sessions that show no sign of life, and keeps the others', async () => {
  const idle = sessions.open('p', 'idle');
  const lively = sessions.open('p', 'lively');
  const elsewhere = sessions.open('other', 'idle');
  later(60_000);
  expect(sessions.touch(lively, 'p')).toBe(true);
  expect(await run('sessions', project('p'), { settings: { idle: '30s' } })).toEqual({
    cursor: null,
    candidates: 1,
    changed: 1,
  });
  expect([idle, lively, elsewhere].map((id) => sessions.touch(id))).toEqual([false, true, true]);
  expect(sessions.touch(lively, 'other')).toBe(false);
});

it('deletes expired documents, notifies watchers, and leaves documents that were written again', async () => {
  store.put('p/short', value, null, TOKEN, 1000);
  store.put('p/renewed', value, null, TOKEN, 1000);
  store.put('p/long', value, null, TOKEN, 100_000);
  store.put('p/ever', value, null, TOKEN);
  later(5000);
  store.put('p/renewed', value, null, TOKEN);
  const seen: Change[] = [];
  watches.add('p/short', { onChange: (change) => seen.push(change), onLost: () => {} });
  const outcome = await run('expiry', { kind: 'shard', shard: 's0' });
  expect(outcome).toEqual({ cursor: null, candidates: 1, changed: 1 });
  expect(store.list('p/', '', 10).map(({ key }) => key)).toEqual(['p/ever', 'p/long', 'p/renewed']);
  expect(seen).toMatchObject([{ kind: 'delete', document: { key: 'p/short', revision: 6 } }]);
});

it("leaves another shard's expired documents to that shard", async () => {
  store.put('p/own', value, null, TOKEN, 1);
  store.put('p/foreign', value, null, TOKEN, 1);
  later(5000);
  const ownership: Ownership = {
    version: 1,
    holds: true,
    admit: (key) => (key === 'p/own' ? { kind: 'owner' } : { kind: 'stale', version: 2 }),
  };
  expect(await run('expiry', { kind: 'shard', shard: 's0' }, { ownership })).toMatchObject({
    candidates: 2,
    changed: 1,
  });
  expect(store.get('p/foreign')).not.toBeNull();
});

it('refuses every write of an earlier claim once a later one has begun', async () => {
  putTimes('p/d', 12);
  store.put('p/e', value, null, TOKEN, 1);
  sessions.open('p', 'idle');
  later(60_000);
  maintenance.begin({ unit: 'project/p', token: 7, mayGoOn: () => true, onWrite: () => {} });
  maintenance.begin({ unit: 'shard/s0', token: 7, mayGoOn: () => true, onWrite: () => {} });
  await expect(run('compaction', project('p'), { settings: few, token: 6 })).rejects.toThrow(StaleRun);
  await expect(run('tombstones', project('p'), { settings: { after: '1s' }, token: 6 })).rejects.toThrow(StaleRun);
  await expect(run('sessions', project('p'), { settings: { idle: '1ms' }, token: 6 })).rejects.toThrow(StaleRun);
  await expect(run('expiry', { kind: 'shard', shard: 's0' }, { token: 6 })).rejects.toThrow(StaleRun);
  expect(written).toEqual([]);
  await run('compaction', project('p'), { settings: few, token: 7 });
  expect(new Set(written)).toEqual(new Set([7]));
});

it('refuses the write of a run that was stopped between its look and its write', async () => {
  putTimes('p/d', 12);
  const begin = (): boolean => {
    maintenance.begin({ unit: 'project/p', token: 9, mayGoOn: () => true, onWrite: () => {} });
    return true;
  };
  const asked: boolean[] = [];
  // Asked a second time, the next one has begun already.
  const mayGoOn = (): boolean => asked.push(true) < 2 || begin();
  await expect(run('compaction', project('p'), { settings: few, token: 8, mayGoOn })).rejects.toThrow(StaleRun);
  expect(countOf('p/d')).toBe(12);
});

it('writes nothing once its time is over, however long it waited for the store', async () => {
  putTimes('p/d', 12);
  store.put('p/e', value, null, TOKEN, 1);
  sessions.open('p', 'idle');
  later(60_000);
  // Asked within the transaction: code that looked before it may have waited for it until its term was over.
  const until = (last: number): (() => boolean) => {
    let asked = 0;
    return () => asked++ < last;
  };
  await expect(run('compaction', project('p'), { settings: few, mayGoOn: until(0) })).rejects.toThrow(RunOver);
  await expect(run('compaction', project('p'), { settings: few, mayGoOn: until(3) })).rejects.toThrow(RunOver);
  await expect(run('sessions', project('p'), { settings: { idle: '1ms' }, mayGoOn: until(1) })).rejects.toThrow(
    RunOver,
  );
  await expect(run('expiry', { kind: 'shard', shard: 's0' }, { mayGoOn: until(3) })).rejects.toThrow(RunOver);
  expect(countOf('p/d')).toBe(12);
  expect(store.get('p/e')).not.toBeNull();
});

it('finds every project once, whatever its name sorts by', () => {
  for (const key of ['a/x', 'a-b/x', 'a/y', '-/x', '0/x', 'ä/x', 'b/deep/er']) putTimes(key, 1);
  sessions.open('only sessions', 'somebody');
  sessions.open('a', 'somebody');
  expect(new Set(maintenance.projects())).toEqual(new Set(['a', 'a-b', '-', '0', 'ä', 'b', 'only sessions']));
  expect(maintenance.projects()).toHaveLength(7);
  expect([maintenance.keyAfter('a', ''), maintenance.keyAfter('a', 'a/x'), maintenance.keyAfter('a', 'a/y')]).toEqual([
    'a/x',
    'a/y',
    null,
  ]);
});

it('lets the database optimise itself', async () => {
  expect(await run('optimize', { kind: 'cluster' })).toEqual({ cursor: null, candidates: 1, changed: 1 });
});
