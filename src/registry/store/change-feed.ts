import { oncePerObject } from '../../runtime/once-per-object.ts';
import type { Entry, Revision, Watcher } from './store.ts';

/** A change as it was logged; a value of null: the entry was deleted. */
export interface ChangeRow {
  readonly revision: Revision;
  readonly key: string;
  readonly value: string | null;
  readonly created: Revision;
}

interface Follower {
  readonly prefix: string;
  readonly watcher: Watcher;
  /** The last revision that was reported to it; null until it has caught up with the log. */
  delivered: Revision | null;
}

/** Hands a log's changes on to its followers. New changes are read once, however many followers there are. */
export class ChangeFeed {
  readonly #read: (after: Revision) => readonly ChangeRow[];
  readonly #followers = new Set<Follower>();
  #readTo: Revision;

  /** @param read the logged changes after a revision, by revision */
  constructor(now: Revision, read: (after: Revision) => readonly ChangeRow[]) {
    this.#readTo = now;
    this.#read = read;
  }

  /** Reports every change after a revision, from which on the log has to be complete. @returns what ends it */
  follow(prefix: string, after: Revision, watcher: Watcher): () => void {
    const follower: Follower = { prefix, watcher, delivered: null };
    this.#followers.add(follower);
    // The caller has to have what ends the watch before the watch reports anything.
    queueMicrotask(() => {
      if (!this.#followers.has(follower)) return;
      follower.delivered = after;
      watcher.onBegun();
      this.#deliver(follower, this.#read(after));
    });
    return () => this.#followers.delete(follower);
  }

  /**
   * Reads what is new in the log, and hands it on.
   * @param compacted up to this revision the log has been emptied: by another process too, before we have read it
   */
  advance(compacted: Revision): void {
    if (compacted > this.#readTo) {
      this.#readTo = compacted;
      for (const follower of [...this.#followers]) {
        this.#followers.delete(follower);
        follower.watcher.onEnded({ kind: 'compacted' });
      }
    }
    const rows = this.#read(this.#readTo);
    const last = rows.at(-1);
    if (last === undefined) return;
    this.#readTo = last.revision;
    for (const follower of [...this.#followers]) if (follower.delivered !== null) this.#deliver(follower, rows);
  }

  #deliver(follower: Follower, rows: readonly ChangeRow[]): void {
    let at = 0;
    while (at < rows.length) {
      const { revision } = rows[at] as ChangeRow;
      const events = [];
      for (; at < rows.length && rows[at]?.revision === revision; at++) {
        const row = rows[at] as ChangeRow;
        if (row.key.startsWith(follower.prefix)) events.push({ key: row.key, entry: entryOf(row) });
      }
      if (revision <= (follower.delivered as Revision)) continue;
      follower.delivered = revision;
      if (events.length > 0 && this.#followers.has(follower)) follower.watcher.onChanges({ revision, events });
    }
  }

  close(): void {
    this.#followers.clear();
  }
}

/** All followers are told of the same entry, so that what they have in common can be made of it once. */
const entryOf = oncePerObject(({ key, value, created, revision }: ChangeRow): Entry | null =>
  value === null ? null : { key, value, created, revision },
);
