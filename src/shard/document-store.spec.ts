import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ChangesRemoved, DocumentStore, StaleToken } from './document-store.ts';
import { MaintenanceStore } from './housekeeping/maintenance-store.ts';

let folder = '';
const stores: DocumentStore[] = [];
const open = (): DocumentStore => {
  const store = new DocumentStore(join(folder, 'documents.sqlite'));
  stores.push(store);
  return store;
};
const value = Buffer.from('v');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-store-'));
});
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  rmSync(folder, { recursive: true });
});

/** As the first release made it. */
const DOCUMENTS_BEFORE =
  'CREATE TABLE documents (key TEXT PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID';

it('refuses a write by an older version than that of the last write of the same document', () => {
  const [old, next] = [open(), open()];
  old.put('p/d', value, null, { shard: 's0', version: 3 });
  next.put('p/d', value, null, { shard: 's1', version: 4 });
  expect(() => old.put('p/d', value, null, { shard: 's0', version: 3 })).toThrow(StaleToken);
  expect(() => old.delete('p/d', null, { shard: 's0', version: 3 })).toThrow(StaleToken);
  expect(old.get('p/d')?.revision).toBe(2);
  // Another document's writes are no matter.
  expect(old.put('p/other', value, null, { shard: 's0', version: 3 }).revision).toBe(3);
});

it('remembers the version of a deletion', () => {
  const store = open();
  store.put('p/d', value, null, { shard: 's0', version: 3 });
  store.delete('p/d', null, { shard: 's1', version: 4 });
  expect(() => store.put('p/d', value, null, { shard: 's0', version: 3 })).toThrow(StaleToken);
  expect(store.get('p/d')).toBeNull();
});

it('refuses every write of a shard that was given up, by what it knew then, and takes it back when it knows more', () => {
  const store = open();
  store.begin(4, ['s0', 's1'], []);
  store.put('p/d', value, null, { shard: 's0', version: 4 });
  store.begin(5, ['s1'], []);
  expect(() => store.put('p/new', value, null, { shard: 's0', version: 4 })).toThrow(StaleToken);
  store.put('p/new', value, null, { shard: 's1', version: 4 });
  store.begin(6, ['s0', 's1'], []);
  store.put('p/newer', value, null, { shard: 's0', version: 6 });
  store.begin(7, ['s0', 's1'], ['s1']);
  expect(() => store.put('p/newest', value, null, { shard: 's1', version: 6 })).toThrow(StaleToken);
});

it('opens a file that was made before writes had versions', () => {
  const file = join(folder, 'documents.sqlite');
  const database = new DatabaseSync(file);
  database.exec(DOCUMENTS_BEFORE);
  database.exec('CREATE TABLE changes (revision INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value BLOB)');
  database.exec("INSERT INTO changes (key, value) VALUES ('p/d', x'76')");
  database.close();
  const store = open();
  expect(store.changesAfter('p/d', 0)).toMatchObject([{ kind: 'put', document: { revision: 1 } }]);
  expect(store.put('p/d', value, null, { shard: 's0', version: 1 }).revision).toBe(2);
});

it('resumes a document of which nothing was removed from anywhere, whatever was removed of others', () => {
  const store = open();
  for (let i = 0; i < 5; i++) store.put('p/other', value, null, { shard: 's0', version: 1 });
  const maintenance = new MaintenanceStore(join(folder, 'documents.sqlite'));
  maintenance.removeChanges('p/other', 3, { unit: 'p', token: 1, mayGoOn: () => true, onWrite: () => {} });
  maintenance.close();
  expect(store.changesAfter('p/d', 0)).toEqual([]);
  store.put('p/d', value, null, { shard: 's0', version: 1 });
  expect(store.changesAfter('p/d', 0)).toMatchObject([{ document: { revision: 6 } }]);
  expect(() => store.changesAfter('p/other', 2)).toThrow(ChangesRemoved);
  expect(store.changesAfter('p/other', 3).map(({ document }) => document.revision)).toEqual([4, 5]);
});

it('remembers a bounded number of deleted documents, and has readers that saw an earlier one start again', () => {
  const file = join(folder, 'documents.sqlite');
  const store = open();
  const maintenance = new MaintenanceStore(file, 3);
  const token = { unit: 'project/p', token: 1, mayGoOn: () => true, onWrite: () => {} };
  const writer = { shard: 's0', version: 1 };
  for (let i = 0; i < 20; i++) {
    const { revision } = store.put(`p/${i}`, value, null, writer);
    maintenance.removeChanges(`p/${i}`, store.delete(`p/${i}`, revision, writer), token);
  }
  maintenance.close();
  const database = new DatabaseSync(file);
  const { count } = database.prepare('SELECT count(*) AS count FROM removed_changes').get() as { count: number };
  database.close();
  // Besides those three the one that stands for all before them, and the one for all before there was such a table.
  expect(count).toBe(5);
  // The first one was put at 1, and deleted at 2.
  expect(() => store.changesAfter('p/0', 1)).toThrow(ChangesRemoved);
  expect(() => store.changesAfter('p/19', 39)).toThrow(ChangesRemoved);
  expect(store.changesAfter('p/19', 40)).toEqual([]);
  // A watch that has seen nothing of a document that is not there has missed nothing.
  expect(store.changesAfter('p/0', 0)).toEqual([]);
  expect(store.changesAfter('p/never', 0)).toEqual([]);
  const live = store.put('p/live', value, null, writer);
  expect(store.changesAfter('p/live', 0)).toMatchObject([{ document: { revision: live.revision } }]);
});

it('does not know which documents changes were removed of before that was written down', () => {
  const file = join(folder, 'documents.sqlite');
  const database = new DatabaseSync(file);
  database.exec(DOCUMENTS_BEFORE);
  database.exec('CREATE TABLE removed (up_to INTEGER NOT NULL); INSERT INTO removed VALUES (7)');
  database.close();
  const store = open();
  expect(() => store.changesAfter('p/d', 6)).toThrow(ChangesRemoved);
  expect(store.changesAfter('p/d', 7)).toEqual([]);
});
