import type { Change, Condition, Entry, LeaseId, Revision, Store, Watcher } from './store/store.ts';
import { UnreadableEntries } from './unreadable.ts';

/** A store, with what this process knows of it beyond its entries. */
export class TrackedStore implements Store {
  readonly #store: Store;
  /** What this process has met that it cannot read. */
  readonly unreadable = new UnreadableEntries();

  constructor(store: Store) {
    this.#store = store;
  }

  get(key: string): Promise<Entry | null> {
    return this.#store.get(key);
  }

  list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: Revision }> {
    return this.#store.list(prefix);
  }

  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    return this.#store.commit(conditions, changes);
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    return this.#store.watch(prefix, after, watcher);
  }

  grantLease(lengthMs: number): Promise<LeaseId> {
    return this.#store.grantLease(lengthMs);
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#store.renewLease(lease);
  }

  revokeLease(lease: LeaseId): Promise<void> {
    return this.#store.revokeLease(lease);
  }

  get closed(): AbortSignal {
    return this.#store.closed;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
