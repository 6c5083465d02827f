import type {
  Change,
  Condition,
  Entry,
  LeaseId,
  Recalled,
  Revision,
  Store,
  Watcher,
} from '../../../src/registry/store/store.ts';
import { StoreUnavailable } from '../../../src/registry/store/store.ts';

/** The ways in which a wrapped store breaks its contract. */
export interface StoreDefects {
  /** What a key is taken for. */
  readonly key?: (key: string) => string;
  /** Whether an entry is seen at all. */
  readonly sees?: (entry: Pick<Entry, 'key'>) => boolean;
  /** What an entry that is read is taken for. */
  readonly reads?: (entry: Entry) => Entry;
  /** What is written instead. */
  readonly writes?: (change: Change) => Change;
  /** For this time a read is answered again as it was before. */
  readonly staleMs?: number;
  readonly clock?: () => number;
  /** Entries with this prefix are reported again, as `reads` makes them by then, after every other change. */
  readonly repeats?: string;
  /** Whether conditions on a key are looked at. */
  readonly compares?: (key: string) => boolean;
  readonly unanswered?: 'refused';
  readonly refused?: 'done';
  /** Whether watches lose a change. */
  readonly loses?: () => boolean;
  readonly hidesCompaction?: boolean;
  /** A watch begins with what comes next, whatever was missed. */
  readonly skipsMissed?: boolean;
  /** It never says that it went back. */
  readonly hidesRestores?: boolean;
  /** Renewals are confirmed at once, and the store does not get them if it cannot be reached. */
  readonly renewsAll?: boolean;
}

type Listed = Awaited<ReturnType<Store['list']>>;

/** A store that does something wrong, as its client sees it. */
export class WrappedStore implements Store {
  readonly #store: Store;
  readonly #defects: StoreDefects;
  readonly #read = new Map<string, { readonly atMs: number; readonly listed: Listed }>();
  #newest = 0 as Revision;
  /** What is repeated, as the store has it. */
  readonly #repeated = new Map<string, Entry>();
  readonly #repeat = new Set<(revision: Revision) => void>();
  /** What was last written otherwise than its client has it. */
  readonly #written = new Map<string, { readonly asked: string; readonly value: string }>();

  constructor(store: Store, defects: StoreDefects) {
    this.#store = store;
    this.#defects = defects;
  }

  #sees(entry: Pick<Entry, 'key'>): boolean {
    return this.#defects.sees?.(entry) ?? true;
  }

  #key(key: string): string {
    return this.#defects.key?.(key) ?? key;
  }

  #asRead(entry: Entry): Entry {
    return this.#defects.reads?.(entry) ?? entry;
  }

  async get(key: string): Promise<Entry | null> {
    const entry = await this.#store.get(this.#key(key));
    return entry !== null && this.#sees(entry) ? this.#asRead(entry) : null;
  }

  async list(prefix: string): Promise<Listed> {
    const { staleMs = 0, clock = () => 0, hidesRestores = false } = this.#defects;
    const known = this.#read.get(prefix);
    if (known !== undefined && clock() - known.atMs < staleMs) return known.listed;
    const { entries, revision } = await this.#store.list(prefix);
    this.#newest = Math.max(this.#newest, revision) as Revision;
    if (prefix === this.#defects.repeats) for (const entry of entries) this.#repeated.set(entry.key, entry);
    const listed = {
      entries: entries.filter((entry) => this.#sees(entry)).map((entry) => this.#asRead(entry)),
      revision: hidesRestores ? this.#newest : revision,
    };
    if (staleMs > 0) this.#read.set(prefix, { atMs: clock(), listed });
    return listed;
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    const { compares = () => true, writes = (change) => change, unanswered, refused } = this.#defects;
    const kept = conditions
      .filter((condition) => !('key' in condition) || compares(condition.key))
      .map((condition) => ('key' in condition ? { ...condition, key: this.#key(condition.key) } : condition));
    try {
      const named = changes.map((change) => this.#noted(change, writes({ ...change, key: this.#key(change.key) })));
      const revision = await this.#store.commit(kept, named);
      return revision === null && refused === 'done' ? (await this.#store.list('')).revision : revision;
    } catch (error) {
      if (unanswered === 'refused' && error instanceof StoreUnavailable) return null;
      throw error;
    }
  }

  #noted(asked: Change, written: Change): Change {
    if (asked.value !== null && written.value !== null)
      this.#written.set(asked.key, { asked: asked.value, value: written.value });
    return written;
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    if (this.#defects.skipsMissed !== true) return this.#watch(prefix, after, watcher);
    let stop = (): void => {};
    let isStopped = false;
    const begin = (from: Revision): void => {
      if (!isStopped) stop = this.#watch(prefix, from, watcher);
    };
    this.#store.list(prefix).then(
      ({ revision }) => begin(revision),
      () => begin(after),
    );
    return () => {
      isStopped = true;
      stop();
    };
  }

  #watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    const { loses = () => false, hidesCompaction = false, repeats } = this.#defects;
    const isRepeated = prefix === repeats;
    const repeat = (revision: Revision): void => {
      const events = [...this.#repeated].map(([key, entry]) => ({ key, entry: this.#asRead(entry) }));
      watcher.onChanges({ revision, events });
    };
    if (isRepeated) this.#repeat.add(repeat);
    const stop = this.#store.watch(prefix, after, {
      onBegun: () => watcher.onBegun(),
      onChanges: ({ revision, events }) => {
        if (isRepeated)
          for (const { key, entry } of events)
            if (entry === null) this.#repeated.delete(key);
            else this.#repeated.set(key, entry);
        const seen = events
          .filter((event) => this.#sees(event))
          .map((event) => (event.entry === null ? event : { ...event, entry: this.#asRead(event.entry) }));
        if (!loses()) watcher.onChanges({ revision, events: seen });
        if (!isRepeated) for (const each of this.#repeat) each(revision);
      },
      onEnded: (reason) => {
        if (reason.kind !== 'compacted' || !hidesCompaction) watcher.onEnded(reason);
      },
    });
    return () => {
      this.#repeat.delete(repeat);
      stop();
    };
  }

  async recall(seen: Entry | null): Promise<Recalled> {
    if (this.#defects.hidesRestores === true) return { copy: '1', isKept: true };
    const written = seen === null ? undefined : this.#written.get(seen.key);
    // It is no other store because of what was planted.
    if (seen === null || written === undefined || written.asked !== seen.value) return this.#store.recall(seen);
    return this.#store.recall({ ...seen, value: written.value });
  }

  grantLease(lengthMs: number): Promise<LeaseId> {
    return this.#store.grantLease(lengthMs);
  }

  async renewLease(lease: LeaseId): Promise<boolean> {
    const renewed = this.#store.renewLease(lease);
    if (this.#defects.renewsAll !== true) return renewed;
    renewed.catch(() => {});
    return true;
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
