import {
  type Change,
  type Condition,
  type Entry,
  type LeaseId,
  type Recalled,
  type Revision,
  type Store,
  StoreUnavailable,
  type Watcher,
} from '../../src/registry/store/store.ts';

/**
 * What becomes of a call on its way. `lost`: it never arrives. `unanswered`: it is carried out, and no answer comes.
 * `late`: the caller hears that it is lost, and it arrives after.
 */
export type Fate = 'done' | 'lost' | 'unanswered' | 'late';

/** A client's link to a store, which loses what the test says. */
export class FaultyStore implements Store {
  readonly #store: Store;
  readonly #watches = new Set<() => void>();
  #isCut = false;
  /** Asked of each call. */
  fate: (method: keyof Store, changes: readonly Change[]) => Fate = () => 'done';
  /** Called before a call is made. */
  onCall: (method: keyof Store) => void = () => {};

  constructor(store: Store) {
    this.#store = store;
  }

  async #through<Result>(
    method: keyof Store,
    call: () => Promise<Result>,
    changes: readonly Change[] = [],
  ): Promise<Result> {
    this.onCall(method);
    const fate = this.fate(method, changes);
    if (fate === 'done') return call();
    if (fate === 'unanswered') await call();
    if (fate === 'late') setImmediate(() => void call().catch(() => {}));
    throw new StoreUnavailable('of the test', `${method} is ${fate}`);
  }

  get(key: string): Promise<Entry | null> {
    return this.#through('get', () => this.#store.get(key));
  }

  list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: Revision }> {
    return this.#through('list', () => this.#store.list(prefix));
  }

  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    return this.#through('commit', () => this.#store.commit(conditions, changes), changes);
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    const stop = this.#store.watch(prefix, after, watcher);
    const end = (): void => {
      stop();
      watcher.onEnded({ kind: 'lost', cause: new StoreUnavailable('of the test', 'the link is cut') });
    };
    if (this.#isCut) queueMicrotask(end);
    else this.#watches.add(end);
    return () => {
      this.#watches.delete(end);
      stop();
    };
  }

  /** Nothing passes any more. */
  cut(): void {
    this.#isCut = true;
    this.fate = () => 'lost';
    for (const end of this.#watches) end();
    this.#watches.clear();
  }

  mend(): void {
    this.#isCut = false;
    this.fate = () => 'done';
  }

  recall(seen: Entry | null): Promise<Recalled> {
    return this.#through('recall', () => this.#store.recall(seen));
  }

  grantLease(lengthMs: number): Promise<LeaseId> {
    return this.#through('grantLease', () => this.#store.grantLease(lengthMs));
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#through('renewLease', () => this.#store.renewLease(lease));
  }

  revokeLease(lease: LeaseId): Promise<void> {
    return this.#through('revokeLease', () => this.#store.revokeLease(lease));
  }

  get closed(): AbortSignal {
    return this.#store.closed;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
