import { randomInt } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { addMissing, type DatabaseKind, fileIdentity, openDurable, snapshot, transaction } from '../../sqlite/index.ts';
import { LONGEST_LEASE_MS } from '../access/call-bounds.ts';
import { Denial } from '../access/denial.ts';
import type { OwnedStore } from '../access/participant-store.ts';
import { ChangeFeed, type ChangeRow } from './change-feed.ts';
import {
  type Change,
  type Condition,
  type Entry,
  type LeaseId,
  type Recalled,
  type Revision,
  StoreUnavailable,
  type Watcher,
} from './store.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT OR IGNORE INTO counters VALUES ('revision', 0), ('compacted', 0);
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    lease INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_lease ON entries (lease) WHERE lease IS NOT NULL;
  CREATE TABLE IF NOT EXISTS changes (
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    created INTEGER NOT NULL,
    PRIMARY KEY (revision, key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS leases (
    id INTEGER PRIMARY KEY,
    length_ms INTEGER NOT NULL,
    renewals INTEGER NOT NULL,
    owner TEXT
  );
`;

/** What the file of a registry holds. */
export const registryFile: DatabaseKind = {
  name: 'a registry',
  schema: SCHEMA,
  marks: { counters: ['name', 'value'], entries: ['key', 'value', 'created', 'revision'] },
};

/** Changes are kept for watchers that come back; a watcher that was away for longer lists everything again. */
const KEPT_REVISIONS = 1000;
/** How often other processes' changes, and leases that have ended, are looked for: a read that rarely leaves the cache. */
const POLL_MS = 50;

/** All leases are looked at with every poll: so many take some milliseconds. */
const MAX_LEASES = 20_000;
/** An owner that takes more than a large cluster needs leaves room for others. */
const MAX_LEASES_PER_OWNER = 10_000;
/** With one shared token, any client that knows the name of a lease may end it; the name is one of 2^48 and cannot be guessed. */
const LEASE_NAMES = 2 ** 48 - 1;

interface LeaseRow {
  readonly id: number;
  readonly length_ms: number;
  readonly renewals: number;
  /** Null: it was granted to this machine's own processes, or by a release that did not note whose it is. */
  readonly owner: string | null;
}

function belongsToAnother(of: string | null | undefined, owner: string): boolean {
  return of !== null && of !== undefined && of !== owner;
}

/**
 * The embedded store: one SQLite file, which several processes of one machine may open. A lease has ended when its count of
 * renewals has stood still for its length, by the clock of the process that looks: no clock is compared with another, and
 * after a restart of the looking process every lease has its whole length again.
 */
export class SqliteStore implements OwnedStore {
  readonly #closed = new AbortController();
  readonly #database: DatabaseSync;
  /** For renewals, which need not survive the machine, and so need not wait for the disk. */
  readonly #relaxed: DatabaseSync;
  readonly #statements;
  readonly #file: string;
  readonly #copy: string;
  readonly #clock: () => number;
  readonly #feed: ChangeFeed;
  readonly #poll: NodeJS.Timeout;
  readonly #seenLeases = new Map<number, { renewals: number; sinceMs: number }>();
  #dataVersion = -1;

  /** @param clock milliseconds of a monotonic clock */
  constructor(file: string, clock: () => number) {
    this.#file = file;
    this.#clock = clock;
    this.#database = openDurable(file, registryFile);
    addMissing(this.#database, 'leases', 'owner', 'TEXT');
    this.#copy = fileIdentity(file) ?? '';
    this.#relaxed = openDurable(file, registryFile);
    this.#relaxed.exec('PRAGMA synchronous = NORMAL');
    this.#statements = prepare(this.#database, this.#relaxed);
    this.#feed = new ChangeFeed(
      this.#counter('revision'),
      (after) => this.#statements.changesAfter.all(after) as unknown as ChangeRow[],
    );
    this.#poll = setInterval(() => this.#look(), POLL_MS);
    this.#poll.unref();
  }

  async get(key: string): Promise<Entry | null> {
    return this.#carryOut(() => (this.#statements.get.get(key) as Entry | undefined) ?? null);
  }

  async list(prefix: string): Promise<{ entries: readonly Entry[]; revision: Revision }> {
    return this.#carryOut(() =>
      snapshot(this.#database, () => ({
        entries: this.#statements.list.all(prefix, endOf(prefix)) as unknown as Entry[],
        revision: this.#counter('revision'),
      })),
    );
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[], owner?: string): Promise<Revision | null> {
    const revision = this.#carryOut(() =>
      transaction(this.#database, () => {
        if (!conditions.every((condition) => this.#holds(condition))) return null;
        for (const change of changes) this.#checkOwner(change, owner);
        return this.#apply(changes);
      }),
    );
    if (revision !== null) this.#feed.advance(this.#counter('compacted'));
    return revision;
  }

  /** Call it in a transaction. */
  #holds(condition: Condition): boolean {
    if ('prefix' in condition) {
      const { prefix, unchangedSince } = condition;
      return this.#statements.changedSince.get(prefix, endOf(prefix), unchangedSince) === undefined;
    }
    const entry = this.#statements.get.get(condition.key) as Entry | undefined;
    return (entry?.revision ?? 0) === condition.revision;
  }

  /** Call it in a transaction. @throws Denial where an entry belongs to the lease of another token, or would */
  #checkOwner(change: Change, owner: string | undefined): void {
    if (owner === undefined) return;
    const { owner: before } = (this.#statements.ownerOfEntry.get(change.key) as { owner: string | null }) ?? {};
    if (belongsToAnother(before, owner))
      throw new Denial('not allowed', `${change.key} belongs to the lease of another token`);
    if (change.value !== null && change.lease !== undefined) this.#checkLease(change.lease, owner);
  }

  #checkLease(lease: LeaseId, owner: string | undefined): void {
    if (owner === undefined) return;
    const row = this.#statements.lease.get(Number(lease)) as LeaseRow | undefined;
    if (belongsToAnother(row?.owner, owner)) throw new Denial('not allowed', 'the lease belongs to another token');
  }

  /** Call it in a transaction. */
  #apply(changes: readonly Change[]): Revision {
    const { put, remove, get, log, forget, setCounter } = this.#statements;
    const revision = (this.#counter('revision') + 1) as Revision;
    for (const change of changes) {
      const before = get.get(change.key) as Entry | undefined;
      if (change.value === null) {
        if (before === undefined) continue;
        remove.run(change.key);
        log.run(revision, change.key, null, before.created);
      } else {
        if (change.lease !== undefined && this.#statements.lease.get(Number(change.lease)) === undefined)
          throw new StoreUnavailable(`in ${this.#file}`, 'the lease has ended');
        const created = before?.created ?? revision;
        put.run(change.key, change.value, created, revision, change.lease === undefined ? null : Number(change.lease));
        log.run(revision, change.key, change.value, created);
      }
    }
    setCounter.run(revision, 'revision');
    const forgotten = revision - KEPT_REVISIONS;
    if (forgotten > this.#counter('compacted')) {
      forget.run(forgotten);
      setCounter.run(forgotten, 'compacted');
    }
    return revision;
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    if (after < this.#carryOut(() => this.#counter('compacted'))) {
      queueMicrotask(() => watcher.onEnded({ kind: 'compacted' }));
      return () => {};
    }
    return this.#feed.follow(prefix, after, watcher);
  }

  async recall(seen: Entry | null): Promise<Recalled> {
    return this.#carryOut(() => {
      if (seen === null) return { copy: this.#copy, isKept: null };
      const change = this.#statements.changeAt.get(seen.revision, seen.key) as { value: string | null } | undefined;
      if (change === undefined && seen.revision <= this.#counter('compacted'))
        return { copy: this.#copy, isKept: null };
      return { copy: this.#copy, isKept: change?.value === seen.value };
    });
  }

  async grantLease(lengthMs: number, owner?: string): Promise<LeaseId> {
    if (!Number.isInteger(lengthMs) || lengthMs < 1 || lengthMs > LONGEST_LEASE_MS)
      throw new Denial('out of bounds', `a lease of ${lengthMs} ms; a whole number from 1 to ${LONGEST_LEASE_MS}`);
    return this.#carryOut(() =>
      transaction(this.#database, () => {
        const { leases, own } = this.#statements.leaseCounts.get(owner ?? null) as { leases: number; own: number };
        if (leases >= MAX_LEASES || own >= MAX_LEASES_PER_OWNER)
          throw new Denial('no room', `there are ${leases} leases, ${own} of them for this token: no more are granted`);
        let id: number;
        do id = randomInt(1, LEASE_NAMES);
        while (this.#statements.lease.get(id) !== undefined);
        this.#statements.grant.run(id, lengthMs, owner ?? null);
        return String(id) as LeaseId;
      }),
    );
  }

  async renewLease(lease: LeaseId, owner?: string): Promise<boolean> {
    return this.#carryOut(() => {
      this.#checkLease(lease, owner);
      return this.#statements.renew.run(Number(lease)).changes > 0;
    });
  }

  async revokeLease(lease: LeaseId, owner?: string): Promise<void> {
    this.#carryOut(() => {
      this.#checkLease(lease, owner);
      this.#end(Number(lease), null);
    });
  }

  /** Ends a lease, and its entries; not where it has been renewed since its renewals were counted. */
  #end(id: number, renewals: number | null): void {
    transaction(this.#database, () => {
      const lease = this.#statements.lease.get(id) as LeaseRow | undefined;
      if (lease === undefined || (renewals !== null && lease.renewals !== renewals)) return;
      const keys = this.#statements.keysOfLease.all(id) as unknown as Array<{ key: string }>;
      this.#statements.revoke.run(id);
      if (keys.length > 0) this.#apply(keys.map(({ key }) => ({ key, value: null })));
    });
    this.#feed.advance(this.#counter('compacted'));
  }

  /** Forgets the changes up to now, as a store does from time to time: for tests. */
  compact(): void {
    transaction(this.#database, () => {
      const revision = this.#counter('revision');
      this.#statements.forget.run(revision);
      this.#statements.setCounter.run(revision, 'compacted');
    });
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    if (this.closed.aborted) return;
    this.#closed.abort();
    clearInterval(this.#poll);
    this.#feed.close();
    this.#relaxed.close();
    this.#database.close();
  }

  /** A disk that is full, or a file that another process keeps locked, is an outage, and may end. */
  #carryOut<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SQLITE_ERROR') throw error;
      throw new StoreUnavailable(`in ${this.#file}`, error);
    }
  }

  #look(): void {
    try {
      this.#carryOut(() => this.#lookOnce());
    } catch (error) {
      // The next look may find it well again.
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }

  #lookOnce(): void {
    const { data_version: version } = this.#statements.dataVersion.get() as { data_version: number };
    if (version !== this.#dataVersion) {
      this.#dataVersion = version;
      this.#feed.advance(this.#counter('compacted'));
    }
    const nowMs = this.#clock();
    const leases = this.#statements.leases.all() as unknown as LeaseRow[];
    for (const { id, length_ms: lengthMs, renewals } of leases) {
      const seen = this.#seenLeases.get(id);
      if (seen?.renewals !== renewals) this.#seenLeases.set(id, { renewals, sinceMs: nowMs });
      else if (nowMs - seen.sinceMs >= lengthMs) this.#end(id, renewals);
    }
    if (this.#seenLeases.size > leases.length) {
      const live = new Set(leases.map(({ id }) => id));
      for (const id of this.#seenLeases.keys()) if (!live.has(id)) this.#seenLeases.delete(id);
    }
  }

  #counter(name: 'revision' | 'compacted'): Revision {
    return (this.#statements.counter.get(name) as { value: number }).value as Revision;
  }
}

/** No key that begins so stands behind it: U+10FFFF is the last character that there is. */
function endOf(prefix: string): string {
  return `${prefix}\u{10ffff}`;
}

/** A length that no number holds, which earlier releases granted, is as long as one may be. */
const LEASE_COLUMNS = `id, min(length_ms, ${LONGEST_LEASE_MS}) AS length_ms, renewals, owner`;

function prepare(database: DatabaseSync, relaxed: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    counter: sql('SELECT value FROM counters WHERE name = ?'),
    setCounter: sql('UPDATE counters SET value = ? WHERE name = ?'),
    get: sql('SELECT key, value, created, revision FROM entries WHERE key = ?'),
    list: sql('SELECT key, value, created, revision FROM entries WHERE key >= ? AND key < ? ORDER BY key'),
    changedSince: sql('SELECT 1 FROM entries WHERE key >= ? AND key < ? AND revision > ? LIMIT 1'),
    put: sql('INSERT OR REPLACE INTO entries (key, value, created, revision, lease) VALUES (?, ?, ?, ?, ?)'),
    remove: sql('DELETE FROM entries WHERE key = ?'),
    log: sql('INSERT OR REPLACE INTO changes (revision, key, value, created) VALUES (?, ?, ?, ?)'),
    changeAt: sql('SELECT value FROM changes WHERE revision = ? AND key = ?'),
    forget: sql('DELETE FROM changes WHERE revision <= ?'),
    changesAfter: sql('SELECT revision, key, value, created FROM changes WHERE revision > ? ORDER BY revision, key'),
    grant: sql('INSERT INTO leases (id, length_ms, renewals, owner) VALUES (?, ?, 0, ?)'),
    lease: sql(`SELECT ${LEASE_COLUMNS} FROM leases WHERE id = ?`),
    leases: sql(`SELECT ${LEASE_COLUMNS} FROM leases`),
    leaseCounts: sql('SELECT count(*) AS leases, count(*) FILTER (WHERE owner IS ?) AS own FROM leases'),
    ownerOfEntry: sql('SELECT owner FROM entries JOIN leases ON entries.lease = leases.id WHERE entries.key = ?'),
    revoke: sql('DELETE FROM leases WHERE id = ?'),
    keysOfLease: sql('SELECT key FROM entries WHERE lease = ?'),
    dataVersion: sql('PRAGMA data_version'),
    renew: relaxed.prepare('UPDATE leases SET renewals = renewals + 1 WHERE id = ?'),
  };
}
