import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { NOW_MS, openDocuments } from './documents-database.ts';

/** A session's signs of life are written down this often at most: an idle one is recognised by far longer times. */
export const TOUCH_EVERY_MS = 5000;

/** Clients' sessions, in the database that all shards of a machine share. */
export class Sessions {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #find: StatementSync;
  readonly #touch: StatementSync;
  readonly #remove: StatementSync;

  constructor(file: string) {
    this.#database = openDocuments(file);
    // A sign of life may be lost with the machine: a session that lives gives others.
    this.#database.exec('PRAGMA synchronous = NORMAL');
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#insert = prepare(`INSERT INTO sessions (id, project, client, seen_at) VALUES (?, ?, ?, ${NOW_MS})`);
    this.#find = prepare(`SELECT project, ${NOW_MS} - seen_at AS agoMs FROM sessions WHERE id = ?`);
    this.#touch = prepare(`UPDATE sessions SET seen_at = ${NOW_MS} WHERE id = ?`);
    this.#remove = prepare('DELETE FROM sessions WHERE id = ?');
  }

  /** @returns its id */
  open(project: string, client: string): string {
    const id = randomUUID();
    this.#insert.run(id, project, client);
    return id;
  }

  /** A sign of life. @param project that it has to be of. @returns false where there is no such session any more */
  touch(id: string, project?: string): boolean {
    const found = this.#find.get(id) as { project: string; agoMs: number } | undefined;
    if (found === undefined || (project !== undefined && found.project !== project)) return false;
    if (found.agoMs >= TOUCH_EVERY_MS) this.#touch.run(id);
    return true;
  }

  /** @returns false where it has ended already */
  close(id: string): boolean {
    return this.#remove.run(id).changes > 0;
  }

  dispose(): void {
    this.#database.close();
  }
}
