import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { addMissing, openDurable, transaction } from '../sqlite/index.ts';

export interface StoredDocument {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface Change {
  readonly kind: 'put' | 'delete';
  readonly document: StoredDocument;
}

/** A change that was refused: the document's revision is another. */
export class RevisionConflict extends Error {
  readonly key: string;
  /** 0 where there is no such document. */
  readonly actual: number;

  constructor(key: string, expected: number, actual: number) {
    super(`document ${key} is at revision ${actual}, and ${expected} was expected`);
    this.name = 'RevisionConflict';
    this.key = key;
    this.actual = actual;
  }
}

/** A write by a version that the store knows to be past: another shard has the document now. Nothing was written. */
export class StaleToken extends Error {
  readonly key: string;
  /** The version that it is past by. */
  readonly version: number;

  constructor(key: string, token: number, version: number) {
    super(`document ${key} was changed by version ${version}, and ${token} is past`);
    this.name = 'StaleToken';
    this.key = key;
    this.version = version;
  }
}

/** Who writes: a shard, by the version of the topology that it serves; 0: it knows of none. */
export interface WriteToken {
  readonly shard: string;
  readonly version: number;
}

/** Documents that a shard keeps in memory; each may be up to a message's size. */
const CACHED_DOCUMENTS = 10_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS documents (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    value BLOB,
    version INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX IF NOT EXISTS changes_by_key ON changes (key, revision);
  CREATE TABLE IF NOT EXISTS writers (shard TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
`;

interface Row {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly revision: number;
}

/**
 * The documents in a SQLite database that all shards of a machine share, as the servers of a sharded cluster share theirs.
 * A document that this shard serves is held in memory, and read again only when its revision in the store is another.
 */
export class DocumentStore {
  readonly #database: DatabaseSync;
  readonly #held = new Map<string, StoredDocument>();
  readonly #revisionOf: StatementSync;
  readonly #read: StatementSync;
  readonly #addChange: StatementSync;
  readonly #upsert: StatementSync;
  readonly #remove: StatementSync;
  readonly #page: StatementSync;
  readonly #changesAfter: StatementSync;
  readonly #lastVersion: StatementSync;
  readonly #writer: StatementSync;
  readonly #writers: StatementSync;
  readonly #setWriter: StatementSync;

  constructor(file: string) {
    this.#database = openDurable(file, SCHEMA);
    addMissing(this.#database, 'changes', 'version', 'INTEGER NOT NULL DEFAULT 0');
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#revisionOf = prepare('SELECT revision FROM documents WHERE key = ?');
    this.#read = prepare('SELECT key, value, revision FROM documents WHERE key = ?');
    this.#addChange = prepare('INSERT INTO changes (key, value, version) VALUES (?, ?, ?)');
    this.#upsert = prepare(
      'INSERT INTO documents (key, value, revision) VALUES (?, ?, ?) ' +
        'ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision',
    );
    this.#remove = prepare('DELETE FROM documents WHERE key = ?');
    this.#page = prepare(
      // U+10FFFF is the last character there is: no key with the prefix stands behind it.
      'SELECT key, value, revision FROM documents WHERE key > ? AND key >= ? AND key < ? || char(1114111) ' +
        'ORDER BY key LIMIT ?',
    );
    this.#lastVersion = prepare('SELECT version FROM changes WHERE key = ? ORDER BY revision DESC LIMIT 1');
    this.#writer = prepare('SELECT version FROM writers WHERE shard = ?');
    this.#writers = prepare('SELECT shard, version FROM writers');
    this.#setWriter = prepare(
      'INSERT INTO writers (shard, version) VALUES (?, ?) ON CONFLICT (shard) DO UPDATE SET version = excluded.version',
    );
    this.#changesAfter = prepare(
      'SELECT key, value, revision FROM changes WHERE key = ? AND revision > ? ORDER BY revision',
    );
  }

  get(key: string): StoredDocument | null {
    const revision = this.#currentRevision(key);
    if (revision === 0) {
      this.#held.delete(key);
      return null;
    }
    const held = this.#held.get(key);
    if (held !== undefined && held.revision === revision) return held;
    const row = this.#read.get(key) as Row | undefined;
    if (row === undefined) return null;
    const document = { key, value: row.value ?? new Uint8Array(0), revision: row.revision };
    this.#hold(document);
    return document;
  }

  /** @throws RevisionConflict StaleToken */
  put(key: string, value: Uint8Array, expectedRevision: number | null, token: WriteToken): StoredDocument {
    const revision = this.#change(key, value, expectedRevision, token, (next) => this.#upsert.run(key, value, next));
    const document = { key, value, revision };
    this.#hold(document);
    return document;
  }

  /** @returns the revision of the deletion, or 0 where there was no such document. @throws RevisionConflict StaleToken */
  delete(key: string, expectedRevision: number | null, token: WriteToken): number {
    if (this.#currentRevision(key) === 0 && expectedRevision === null) return 0;
    const revision = this.#change(key, null, expectedRevision, token, () => this.#remove.run(key));
    this.#held.delete(key);
    return revision;
  }

  /** Documents whose keys begin with `prefix`, from behind `after` on. */
  list(prefix: string, after: string, limit: number): StoredDocument[] {
    const rows = this.#page.all(after, prefix, prefix, limit) as unknown as Row[];
    return rows.map((row) => ({ key: row.key, value: row.value ?? new Uint8Array(0), revision: row.revision }));
  }

  /** Every change of a document behind a revision, in their order. */
  changesAfter(key: string, revision: number): Change[] {
    const rows = this.#changesAfter.all(key, revision) as unknown as Row[];
    return rows.map((row) => ({
      kind: row.value === null ? 'delete' : 'put',
      document: { key, value: row.value ?? new Uint8Array(0), revision: row.revision },
    }));
  }

  close(): void {
    this.#database.close();
  }

  #currentRevision(key: string): number {
    const row = this.#revisionOf.get(key) as { revision: number } | undefined;
    return row?.revision ?? 0;
  }

  /**
   * Has a version begin: writes of shards that it gives up, or has none of any more, are refused from now on, whatever they
   * know. To be called before anything is served by it.
   * @param shards those of the version; @param lost those of them that were given up on the way to it
   */
  begin(version: number, shards: readonly string[], lost: readonly string[]): void {
    transaction(this.#database, () => {
      for (const shard of shards) if (this.#writer.get(shard) === undefined) this.#setWriter.run(shard, 0);
      for (const each of this.#writers.all() as unknown as Array<{ shard: string; version: number }>) {
        const isPast = !shards.includes(each.shard) || lost.includes(each.shard);
        if (isPast && each.version < version) this.#setWriter.run(each.shard, version);
      }
    });
  }

  /** Drops documents from memory that this shard does not serve any more. */
  drop(serves: (key: string) => boolean): void {
    for (const key of this.#held.keys()) if (!serves(key)) this.#held.delete(key);
  }

  #change(
    key: string,
    value: Uint8Array | null,
    expected: number | null,
    token: WriteToken,
    apply: (next: number) => unknown,
  ): number {
    return transaction(this.#database, () => {
      this.#checkToken(key, token);
      const actual = this.#currentRevision(key);
      if (expected !== null && expected !== actual) throw new RevisionConflict(key, expected, actual);
      const revision = Number(this.#addChange.run(key, value, token.version).lastInsertRowid);
      apply(revision);
      return revision;
    });
  }

  /** To be called in the transaction of the write. @throws StaleToken */
  #checkToken(key: string, { shard, version }: WriteToken): void {
    const last = (this.#lastVersion.get(key) as { version: number } | undefined)?.version ?? 0;
    const least = (this.#writer.get(shard) as { version: number } | undefined)?.version ?? 0;
    const newest = Math.max(last, least);
    if (version < newest) throw new StaleToken(key, version, newest);
  }

  #hold(document: StoredDocument): void {
    this.#held.delete(document.key);
    this.#held.set(document.key, document);
    if (this.#held.size <= CACHED_DOCUMENTS) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined) this.#held.delete(oldest);
  }
}
