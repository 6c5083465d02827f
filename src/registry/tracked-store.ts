import {
  type Change,
  type Condition,
  type Entry,
  type LeaseId,
  type Revision,
  type Store,
  StoreDenied,
  type Watcher,
} from './store/store.ts';
import { UnreadableEntries } from './unreadable.ts';

/** What is denied has a reason for each key: a process that tries many is told of some twice. */
const MOST_TOLD = 100;

/** A store, with what this process knows of it beyond its entries. */
export class TrackedStore implements Store {
  readonly #store: Store;
  /** What this process has met that it cannot read. */
  readonly unreadable = new UnreadableEntries();
  /** Told of what the store does not let this process do, each once: who tries it again and again hears of it, too. */
  onDenied: (reason: string) => void = () => {};
  readonly #denied = new Set<string>();

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
    return this.#noted(this.#store.commit(conditions, changes));
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    return this.#store.watch(prefix, after, watcher);
  }

  grantLease(lengthMs: number): Promise<LeaseId> {
    return this.#noted(this.#store.grantLease(lengthMs));
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#store.renewLease(lease);
  }

  revokeLease(lease: LeaseId): Promise<void> {
    return this.#store.revokeLease(lease);
  }

  async #noted<Result>(asked: Promise<Result>): Promise<Result> {
    try {
      return await asked;
    } catch (error) {
      if (error instanceof StoreDenied && !this.#denied.has(error.message)) {
        if (this.#denied.size < MOST_TOLD) this.#denied.add(error.message);
        this.onDenied(error.message);
      }
      throw error;
    }
  }

  get closed(): AbortSignal {
    return this.#store.closed;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
