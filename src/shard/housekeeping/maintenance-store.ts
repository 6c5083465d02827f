import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RunOver, StaleRun } from '../../housekeeping/index.ts';
import { transaction } from '../../sqlite/index.ts';
import { FORGOTTEN, NOW_MS, openDocuments } from '../documents-database.ts';

/** The writer: the holder of a unit, by the token of its claim. */
export interface UnitToken {
  readonly unit: string;
  readonly token: number;
  /** Asked once no other process can write: it may have taken longer than a term lasts to get here. */
  readonly mayGoOn: () => boolean;
  /** Called after a write that was not refused, while no other process can write. */
  readonly onWrite: () => void;
}

/** Changes that are removed at once: less than a millisecond, for as long as requests wait. */
const ROWS_AT_ONCE = 200;
/**
 * Documents of which nothing is left, and of which it is known one by one up to where something was: a megabyte. For
 * those before them, a watch that comes back to a revision has to start over, even if nothing was removed after it.
 */
const MAX_FORGOTTEN = 10_000;
const TOKEN_OF_UNIT = 'SELECT token FROM units WHERE unit = ?';

/** What housekeeping reads and removes, on a connection of its own. A write with an old token is refused. */
export class MaintenanceStore {
  readonly #database: DatabaseSync;
  readonly #token: StatementSync;
  readonly #setToken: StatementSync;
  readonly #nextProject: StatementSync;
  readonly #nextInSessions: StatementSync;
  readonly #nextKey: StatementSync;
  readonly #cutoff: StatementSync;
  readonly #tombstone: StatementSync;
  readonly #removable: StatementSync;
  readonly #removeUpTo: StatementSync;
  readonly #noteRemoved: StatementSync;
  readonly #noteForgotten: StatementSync;
  readonly #tooMany: StatementSync;
  readonly #forgetRemoved: StatementSync;
  readonly #forget: StatementSync;
  readonly #noteTooMany: StatementSync;
  readonly #maxForgotten: number;
  readonly #idleSession: StatementSync;
  readonly #endSessions: StatementSync;

  /** @param mostForgotten documents that are gone, and known one by one */
  constructor(file: string, maxForgotten = MAX_FORGOTTEN) {
    this.#maxForgotten = maxForgotten;
    this.#database = openDocuments(file);
    // What is lost with the machine is done again.
    this.#database.exec('PRAGMA synchronous = NORMAL');
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#token = prepare(TOKEN_OF_UNIT);
    this.#setToken = prepare(
      'INSERT INTO units (unit, token) VALUES (?, ?) ON CONFLICT (unit) DO UPDATE SET token = excluded.token',
    );
    // '0' comes right after the '/' that ends a project's name.
    this.#nextProject = prepare(
      "SELECT substr(min(key), 1, instr(min(key), '/') - 1) AS project FROM changes WHERE key > iif(?1 = '', '', ?1 || '0')",
    );
    this.#nextInSessions = prepare('SELECT min(project) AS project FROM sessions WHERE project > ?');
    this.#nextKey = prepare('SELECT min(key) AS key FROM changes WHERE key > ? AND key < ?');
    this.#cutoff = prepare('SELECT revision FROM changes WHERE key = ? ORDER BY revision DESC LIMIT 1 OFFSET ?');
    this.#tombstone = prepare(
      'SELECT max(revision) AS revision FROM changes WHERE key = ?1 ' +
        `AND NOT EXISTS (SELECT 1 FROM documents WHERE key = ?1) HAVING max(at) <= ${NOW_MS} - ?2`,
    );
    this.#removable = prepare(
      'SELECT max(revision) AS upTo, count(*) AS count FROM ' +
        '(SELECT revision FROM changes WHERE key = ? AND revision <= ? ORDER BY revision LIMIT ?)',
    );
    this.#removeUpTo = prepare('DELETE FROM changes WHERE key = ? AND revision <= ?');
    // For shards of earlier releases, which know of no removal one document at a time.
    this.#noteRemoved = prepare('UPDATE removed SET up_to = max(up_to, ?)');
    this.#noteForgotten = prepare(
      'INSERT INTO forgotten (key, up_to) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM changes WHERE key = ?1) ' +
        'ON CONFLICT (key) DO UPDATE SET up_to = excluded.up_to',
    );
    this.#tooMany = prepare('SELECT up_to AS upTo FROM forgotten ORDER BY up_to DESC LIMIT 1 OFFSET ?');
    // A document that was put again may have lost changes since.
    this.#forgetRemoved = prepare(
      'DELETE FROM removed_changes WHERE key IN (SELECT key FROM forgotten WHERE up_to <= ?1) AND up_to <= ?1',
    );
    this.#forget = prepare('DELETE FROM forgotten WHERE up_to <= ?');
    this.#noteTooMany = prepare(
      `INSERT INTO removed_changes (key, up_to) VALUES ('${FORGOTTEN}', ?) ` +
        'ON CONFLICT (key) DO UPDATE SET up_to = max(up_to, excluded.up_to)',
    );
    this.#idleSession = prepare(`SELECT 1 FROM sessions WHERE project = ? AND seen_at <= ${NOW_MS} - ? LIMIT 1`);
    this.#endSessions = prepare(
      `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE project = ? AND seen_at <= ${NOW_MS} - ? LIMIT ?)`,
    );
  }

  /** The projects that have documents, or had, or have sessions. */
  projects(): string[] {
    return [...new Set([this.#nextProject, this.#nextInSessions].flatMap(eachProject))];
  }

  /** The newest token by which anything was done; 0: none. */
  newestToken(): number {
    const newest = this.#database.prepare('SELECT max(token) AS token FROM units').get();
    return (newest as { token: number | null }).token ?? 0;
  }

  /** Refuses earlier holders of a unit from now on. @throws StaleRun RunOver */
  begin(token: UnitToken): void {
    // Requests of all shards wait for a transaction that writes: mostly there is nothing to write.
    if (this.#newest(token.unit) !== token.token) transaction(this.#database, () => this.check(token));
  }

  #newest(unit: string, find = this.#token): number {
    return (find.get(unit) as { token: number } | undefined)?.token ?? 0;
  }

  /** Call it in the transaction of a write, on whatever connection. @throws StaleRun RunOver */
  check({ unit, token, mayGoOn, onWrite }: UnitToken, database: DatabaseSync = this.#database): void {
    const isOwn = database === this.#database;
    const newest = this.#newest(unit, isOwn ? this.#token : database.prepare(TOKEN_OF_UNIT));
    if (token < newest) throw new StaleRun(unit, token, newest);
    if (!mayGoOn()) throw new RunOver(unit);
    // Only a run's beginning, on the own connection, makes its token known.
    if (token > newest && isOwn) this.#setToken.run(unit, token);
    onWrite();
  }

  /** The first key of a project behind another; null: there is none. */
  keyAfter(project: string, key: string): string | null {
    const from = key === '' ? `${project}/` : key;
    return (this.#nextKey.get(from, `${project}0`) as { key: string | null }).key;
  }

  /** Up to which revision a document's changes can go, for the last ones are enough; 0: it has too few. */
  compactable(key: string, least: number, kept: number): number {
    if (this.#cutoff.get(key, least - 1) === undefined) return 0;
    return (this.#cutoff.get(key, kept) as { revision: number } | undefined)?.revision ?? 0;
  }

  /** The revision at which a document was deleted; 0: it is there, or was deleted more recently than that. */
  deletedAt(key: string, agoMs: number): number {
    return (this.#tombstone.get(key, agoMs) as { revision: number } | undefined)?.revision ?? 0;
  }

  /** Removes some of a document's first changes, up to a revision. @returns how many; 0: none is left. @throws StaleRun RunOver */
  removeChanges(key: string, upTo: number, token: UnitToken): number {
    return transaction(this.#database, () => {
      const some = this.#removable.get(key, upTo, ROWS_AT_ONCE) as { upTo: number | null; count: number };
      if (some.upTo === null) return 0;
      this.check(token);
      this.#noteRemoved.run(some.upTo);
      this.#removeUpTo.run(key, some.upTo);
      if (this.#noteForgotten.run(key, some.upTo).changes > 0) this.#forgetOldest();
      return some.count;
    });
  }

  /** Call it in a transaction. */
  #forgetOldest(): void {
    const oldest = this.#tooMany.get(this.#maxForgotten) as { upTo: number } | undefined;
    if (oldest === undefined) return;
    this.#forgetRemoved.run(oldest.upTo);
    this.#forget.run(oldest.upTo);
    this.#noteTooMany.run(oldest.upTo);
  }

  /** Ends sessions of a project that have shown no sign of life for this long, at most `limit` of them. @returns how many. @throws StaleRun RunOver */
  endSessions(project: string, idleMs: number, limit: number, token: UnitToken): number {
    if (this.#idleSession.get(project, idleMs) === undefined) return 0;
    return transaction(this.#database, () => {
      this.check(token);
      return Number(this.#endSessions.run(project, idleMs, Math.min(limit, ROWS_AT_ONCE)).changes);
    });
  }

  /** Has the database look after itself. */
  optimize(): void {
    this.#database.exec('PRAGMA optimize; PRAGMA wal_checkpoint(PASSIVE);');
  }

  close(): void {
    this.#database.close();
  }
}

/** From one to the next, so that what lies between is not read. */
function eachProject(next: StatementSync): string[] {
  const projects: string[] = [];
  for (let last = ''; ; ) {
    const { project } = next.get(last) as { project: string | null };
    if (project === null) return projects;
    projects.push(project);
    last = project;
  }
}
