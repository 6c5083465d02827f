import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { transaction } from '../sqlite/index.ts';
import { FORGOTTEN, NOW_MS, openDocuments } from './documents-database.ts';

export interface StoredDocument {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** A document whose time is over. */
export interface ExpiredDocument {
  readonly key: string;
  readonly revision: number;
  readonly expiresAtMs: number;
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

/** Not all changes after a revision are kept any more: a watch that resumes there has to start over. */
export class ChangesRemoved extends Error {
  override readonly name = 'ChangesRemoved';

  constructor(key: string, revision: number) {
    super(`changes of ${key} after revision ${revision} are no longer kept; watch it without a revision`);
  }
}

/** The shard that writes, and the version of the topology that it serves; 0: it knows of none. */
export interface WriteToken {
  readonly shard: string;
  readonly version: number;
}

/** Called within a transaction. */
export type Guard = (database: DatabaseSync) => void;

/** The writer that no version has, and so is past in each: how far versions have come. */
const NOBODY = '';

/** Documents that a shard keeps in memory; each may be up to a message's size. */
const CACHED_DOCUMENTS = 10_000;

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
  readonly #isKept: StatementSync;
  readonly #expired: StatementSync;
  readonly #lastVersion: StatementSync;
  readonly #writer: StatementSync;
  readonly #writers: StatementSync;
  readonly #setWriter: StatementSync;

  constructor(file: string) {
    this.#database = openDocuments(file);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#revisionOf = prepare('SELECT revision FROM documents WHERE key = ?');
    this.#read = prepare('SELECT key, value, revision FROM documents WHERE key = ?');
    this.#addChange = prepare(`INSERT INTO changes (key, value, version, at) VALUES (?, ?, ?, ${NOW_MS})`);
    this.#upsert = prepare(
      `INSERT INTO documents (key, value, revision, expires_at) VALUES (?, ?, ?, ${NOW_MS} + ?) ` +
        'ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision, expires_at = excluded.expires_at',
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
    // What was removed of a document was its first changes: what came after one that is kept is kept too. A watch that
    // has seen nothing of a document that was forgotten misses nothing: it is not there, as it was not.
    this.#isKept = prepare(
      `SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM removed_changes WHERE key IN (?1, '', '${FORGOTTEN}') ` +
        `AND up_to > ?2 AND (key <> '${FORGOTTEN}' OR ?2 > 0)) ` +
        'UNION ALL SELECT 1 FROM changes WHERE key = ?1 AND revision = ?2',
    );
    this.#expired = prepare(
      'SELECT key, revision, expires_at AS expiresAtMs FROM documents ' +
        `WHERE expires_at <= ${NOW_MS} AND (expires_at, key) > (?, ?) ORDER BY expires_at, key LIMIT ?`,
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

  /** @param ttlMs how long until it expires; null: never. @throws RevisionConflict StaleToken */
  put(
    key: string,
    value: Uint8Array,
    expectedRevision: number | null,
    token: WriteToken,
    ttlMs: number | null = null,
  ): StoredDocument {
    const revision = this.#change(key, value, expectedRevision, token, (next) =>
      this.#upsert.run(key, value, next, ttlMs),
    );
    const document = { key, value, revision };
    this.#hold(document);
    return document;
  }

  /**
   * @param guard called in the write's transaction, which it may end by throwing
   * @returns the revision of the deletion, or 0 where there was no such document
   * @throws RevisionConflict StaleToken
   */
  delete(key: string, expectedRevision: number | null, token: WriteToken, guard: Guard = () => {}): number {
    if (this.#currentRevision(key) === 0 && expectedRevision === null) return 0;
    const revision = this.#change(key, null, expectedRevision, token, () => {
      guard(this.#database);
      this.#remove.run(key);
    });
    this.#held.delete(key);
    return revision;
  }

  /** Documents whose keys begin with `prefix`, from behind `after` on. */
  list(prefix: string, after: string, limit: number): StoredDocument[] {
    const rows = this.#page.all(after, prefix, prefix, limit) as unknown as Row[];
    return rows.map((row) => ({ key: row.key, value: row.value ?? new Uint8Array(0), revision: row.revision }));
  }

  /** Documents whose time is over, from behind one of them on, in the order in which it was. */
  expired(after: Pick<ExpiredDocument, 'key' | 'expiresAtMs'>, limit: number): ExpiredDocument[] {
    return this.#expired.all(after.expiresAtMs, after.key, limit) as unknown as ExpiredDocument[];
  }

  /** Every change of a document behind a revision, in their order. @throws ChangesRemoved */
  changesAfter(key: string, revision: number): Change[] {
    if (this.#isKept.get(key, revision) === undefined) throw new ChangesRemoved(key, revision);
    const rows = this.#changesAfter.all(key, revision) as unknown as Row[];
    return rows.map((row) => ({
      kind: row.value === null ? 'delete' : 'put',
      document: { key, value: row.value ?? new Uint8Array(0), revision: row.revision },
    }));
  }

  /** The newest version by which anything was written, or a shard given up; 0: none. */
  newestVersion(): number {
    const begun = this.#writer.get(NOBODY) as { version: number } | undefined;
    // Before there was such an entry, only the changes showed it.
    const newest = begun ?? this.#database.prepare('SELECT max(version) AS version FROM changes').get();
    return (newest as { version: number | null }).version ?? 0;
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
   * know. Call it before anything is served by the version.
   * @param shards those of the version; @param lost those of them that were given up on the way to it
   */
  begin(version: number, shards: readonly string[], lost: readonly string[]): void {
    transaction(this.#database, () => {
      for (const shard of [...shards, NOBODY]) if (this.#writer.get(shard) === undefined) this.#setWriter.run(shard, 0);
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

  /** Call it in the transaction of the write. @throws StaleToken */
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
