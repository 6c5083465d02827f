import type {
  Change,
  ChangeSet,
  Condition,
  Entry,
  LeaseId,
  Recalled,
  Revision,
  WatchEnd,
} from '../../../src/registry/store/store.ts';

/** What is asked of a store, as a message; each is carried out at one moment. */
export type StoreCall =
  | { readonly ask: 'get'; readonly key: string }
  | { readonly ask: 'list'; readonly prefix: string }
  | { readonly ask: 'commit'; readonly conditions: readonly Condition[]; readonly changes: readonly Change[] }
  | { readonly ask: 'recall'; readonly seen: Entry | null }
  | { readonly ask: 'grantLease'; readonly lengthMs: number }
  | { readonly ask: 'renewLease'; readonly lease: LeaseId }
  | { readonly ask: 'revokeLease'; readonly lease: LeaseId };

/** A watch, which gets changes in order. */
export interface StoreWatch {
  readonly prefix: string;
  /** The last revision that it has got. */
  delivered: Revision;
  onChanges(changes: ChangeSet): void;
  onEnded(reason: WatchEnd): void;
}

interface Lease {
  readonly lengthMs: number;
  renewedAtMs: number;
  readonly keys: Set<string>;
}

interface StoredEntry extends Entry {
  readonly lease: LeaseId | null;
}

/** What a store is at a moment, for a backup. */
export interface Backup {
  readonly entries: ReadonlyMap<string, StoredEntry>;
  readonly revision: Revision;
  readonly log: readonly Logged[];
  readonly compacted: Revision;
  /** How long each is. */
  readonly leases: ReadonlyMap<LeaseId, number>;
}

interface Logged {
  readonly revision: Revision;
  readonly key: string;
  readonly entry: Entry | null;
}

/** The lease with which something was to be written has ended: an outage to who asked, as from every store. */
export class LeaseEnded extends Error {}

/**
 * A store as the registry's contract has it: entries that are changed together or not at all, whose changes are watched from
 * a revision on until they are compacted, and leases that end by the store's own clock. What it has done is durable.
 */
export class SimulatedStore {
  readonly #clock: () => number;
  #entries = new Map<string, StoredEntry>();
  #revision = 0 as Revision;
  #compacted = 0 as Revision;
  #log: Logged[] = [];
  readonly #leases = new Map<LeaseId, Lease>();
  /** By what their keys begin with: in a large installation most watches have nothing to do with a change. */
  readonly #watches = new Map<string, Set<StoreWatch>>();
  /** Of all that were ever watched. */
  readonly #prefixLengths = new Set<number>();
  #leaseNumber = 0;
  #copy = 1;
  /** Called with each change at once, for the judge. */
  onChange: (key: string, entry: Entry | null) => void = () => {};
  /** Called after the last `onChange` of each revision. */
  onRevision: () => void = () => {};

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** @throws LeaseEnded */
  execute(call: StoreCall): unknown {
    switch (call.ask) {
      case 'get':
        return this.#entries.get(call.key) ?? null;
      case 'list':
        return { entries: this.#list(call.prefix), revision: this.#revision };
      case 'commit':
        return this.#commit(call.conditions, call.changes);
      case 'recall':
        return this.#recall(call.seen);
      case 'grantLease': {
        this.#leaseNumber++;
        const lease = `${this.#copy}-${this.#leaseNumber}` as LeaseId;
        this.#leases.set(lease, { lengthMs: call.lengthMs, renewedAtMs: this.#clock(), keys: new Set() });
        return lease;
      }
      case 'renewLease': {
        const lease = this.#leases.get(call.lease);
        if (lease !== undefined) lease.renewedAtMs = this.#clock();
        return lease !== undefined;
      }
      case 'revokeLease':
        return this.#endLease(call.lease);
    }
  }

  #list(prefix: string): Entry[] {
    const found = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #commit(conditions: readonly Condition[], changes: readonly Change[]): Revision | null {
    if (!conditions.every((condition) => this.#holds(condition))) return null;
    for (const change of changes)
      if (change.value !== null && change.lease !== undefined && !this.#leases.has(change.lease))
        throw new LeaseEnded('the lease has ended');
    return this.#apply(changes);
  }

  #holds(condition: Condition): boolean {
    if ('key' in condition) return (this.#entries.get(condition.key)?.revision ?? 0) === condition.revision;
    return this.#list(condition.prefix).every(({ revision }) => revision <= condition.unchangedSince);
  }

  #apply(changes: readonly Change[]): Revision {
    const revision = (this.#revision + 1) as Revision;
    this.#revision = revision;
    const logged: Logged[] = [];
    for (const change of changes) {
      const { key } = change;
      const before = this.#entries.get(key);
      if (before?.lease != null) this.#leases.get(before.lease)?.keys.delete(key);
      if (change.value === null) {
        if (before === undefined) continue;
        this.#entries.delete(key);
        logged.push({ revision, key, entry: null });
      } else {
        const lease = change.lease ?? null;
        const entry = { key, value: change.value, created: before?.created ?? revision, revision, lease };
        this.#entries.set(key, entry);
        if (lease !== null) this.#leases.get(lease)?.keys.add(key);
        logged.push({ revision, key, entry });
      }
    }
    this.#log.push(...logged);
    for (const { key, entry } of logged) this.onChange(key, entry);
    this.onRevision();
    for (const watch of this.#watching(logged)) deliver(watch, logged);
    return revision;
  }

  #watching(logged: readonly Logged[]): Set<StoreWatch> {
    const found = new Set<StoreWatch>();
    for (const { key } of logged)
      for (const length of this.#prefixLengths)
        for (const watch of this.#watches.get(key.slice(0, length)) ?? []) found.add(watch);
    return found;
  }

  /** Tells of every change after a revision, those of before at once. @returns what ends it; null: they are not kept any more */
  watch(watch: StoreWatch): (() => void) | null {
    if (watch.delivered < this.#compacted) return null;
    deliver(
      watch,
      this.#log.filter(({ revision }) => revision > watch.delivered),
    );
    const { prefix } = watch;
    const all = this.#watches.get(prefix) ?? new Set();
    this.#watches.set(prefix, all.add(watch));
    this.#prefixLengths.add(prefix.length);
    return () => {
      if (all.delete(watch) && all.size === 0 && this.#watches.get(prefix) === all) this.#watches.delete(prefix);
    };
  }

  #recall(seen: Entry | null): Recalled {
    const copy = String(this.#copy);
    if (seen === null) return { copy, isKept: null };
    const change = this.#log.find(({ revision, key }) => revision === seen.revision && key === seen.key);
    if (change === undefined && seen.revision <= this.#compacted) return { copy, isKept: null };
    return { copy, isKept: change?.entry?.value === seen.value };
  }

  #endLease(id: LeaseId): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#leases.delete(id);
    if (lease.keys.size > 0) this.#apply([...lease.keys].map((key) => ({ key, value: null })));
  }

  /** Leases end after so much of their length; 1, but for faults that are planted. */
  leaseFactor = 1;

  /** To be called often: ends the leases that have not been renewed. */
  expireLeases(): void {
    const nowMs = this.#clock();
    for (const [id, { lengthMs, renewedAtMs }] of this.#leases)
      if (nowMs - renewedAtMs >= lengthMs * this.leaseFactor) this.#endLease(id);
  }

  /** It was restarted: watches have ended, and each lease has its whole length again. */
  restarted(): void {
    this.#watches.clear();
    for (const lease of this.#leases.values()) lease.renewedAtMs = this.#clock();
  }

  /** Forgets the changes up to now. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#log = [];
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  get entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  backup(): Backup {
    return {
      entries: new Map(this.#entries),
      revision: this.#revision,
      log: [...this.#log],
      compacted: this.#compacted,
      leases: new Map([...this.#leases].map(([id, { lengthMs }]) => [id, lengthMs])),
    };
  }

  /** Goes back to what it was. @param isNoticed whether it can tell that it is another copy */
  restore({ entries, revision, log, compacted, leases }: Backup, isNoticed: boolean): void {
    this.#entries = new Map(entries);
    this.#revision = revision;
    this.#log = [...log];
    this.#compacted = compacted;
    this.#watches.clear();
    this.#leases.clear();
    if (isNoticed) this.#copy++;
    // They have their whole length again.
    for (const [id, lengthMs] of leases)
      this.#leases.set(id, { lengthMs, renewedAtMs: this.#clock(), keys: new Set() });
    for (const { key, lease } of entries.values()) if (lease !== null) this.#leases.get(lease)?.keys.add(key);
  }
}

function deliver(watch: StoreWatch, logged: readonly Logged[]): void {
  let at = 0;
  while (at < logged.length) {
    const { revision } = logged[at] as Logged;
    const events: Array<{ key: string; entry: Entry | null }> = [];
    for (; at < logged.length && logged[at]?.revision === revision; at++) {
      const { key, entry } = logged[at] as Logged;
      if (key.startsWith(watch.prefix)) events.push({ key, entry });
    }
    if (revision <= watch.delivered) continue;
    watch.delivered = revision;
    if (events.length > 0) watch.onChanges({ revision, events });
  }
}
