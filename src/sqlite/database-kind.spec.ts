import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SqliteStore } from '../registry/index.ts';
import { NamedFileFault } from '../runtime/named-file.ts';
import { DocumentStore } from '../shard/document-store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-kind-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openRegistry = (file: string): Promise<void> => new SqliteStore(file, () => 0).close();
const openDocuments = (file: string): void => new DocumentStore(file).close();

const databaseOf = (sql: string): string => {
  const file = join(folder, 'theirs.db');
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
  chmodSync(file, 0o644);
  return file;
};
const stateOf = (file: string): unknown => [readFileSync(file), statSync(file).mode & 0o777, readdirSync(folder)];

it.each([
  ['with other tables', 'CREATE TABLE users (id INTEGER); INSERT INTO users VALUES (7)'],
  ['with a log', 'PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER)'],
  ['with tables of our names', 'CREATE TABLE counters (id INTEGER); CREATE TABLE documents (title TEXT)'],
])("leaves another program's database as it is: one %s", (_, sql) => {
  const file = databaseOf(sql);
  const before = stateOf(file);
  expect(() => openRegistry(file)).toThrow(`${file} holds something else than a registry`);
  expect(() => openDocuments(file)).toThrow(`${file} holds something else than documents of reference shards`);
  expect(stateOf(file)).toEqual(before);
});

it('leaves a file that is no database as it is', () => {
  const file = join(folder, 'notes.txt');
  writeFileSync(file, 'text '.repeat(1000), { mode: 0o644 });
  const before = stateOf(file);
  expect(() => openRegistry(file)).toThrow(
    new NamedFileFault(`${file} is not a SQLite database: give another file, or move this one away`),
  );
  expect(() => openRegistry(folder)).toThrow(`${folder}: is a folder, not a file`);
  expect(stateOf(file)).toEqual(before);
});

it('tells our own kinds of files apart', async () => {
  const [registry, documents] = [join(folder, 'registry.sqlite'), join(folder, 'documents.sqlite')];
  await openRegistry(registry);
  openDocuments(documents);
  expect(() => openDocuments(registry)).toThrow('holds something else than documents');
  expect(() => openRegistry(documents)).toThrow('holds something else than a registry');
  await openRegistry(registry);
  openDocuments(documents);
});

it('refuses tables that another program has written to its log alone', () => {
  const file = join(folder, 'theirs.db');
  const theirs = new DatabaseSync(file);
  theirs.exec('PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER)');
  expect(() => openRegistry(file)).toThrow('holds something else than a registry');
  theirs.exec('INSERT INTO users VALUES (7)');
  theirs.close();
});

it('makes of an empty file what it is asked for', async () => {
  const file = join(folder, 'registry.sqlite');
  writeFileSync(file, '');
  await openRegistry(file);
  expect(statSync(file).size).toBeGreaterThan(0);
});
