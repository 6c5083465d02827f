import { plainText } from '../../runtime/foreign-errors.ts';

declare const revisionBrand: unique symbol;
/** Counts a store's changes: of two changes the later one has the larger revision. */
export type Revision = number & { readonly [revisionBrand]: true };

declare const leaseBrand: unique symbol;
/** A lease's name. etcd's do not fit into a number. */
export type LeaseId = string & { readonly [leaseBrand]: true };

/** What a store keeps under a key. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Of the change that made it, and of the last one. */
  readonly created: Revision;
  readonly revision: Revision;
}

/** An entry's last change is this one; 0: there is no such entry. */
export interface EntryCondition {
  readonly key: string;
  readonly revision: Revision | 0;
}

/** What has to hold for a commit. */
export type Condition =
  | EntryCondition
  /** No entry whose key begins so was made or changed after this revision. Stores take few conditions: this is one for many entries. */
  | { readonly prefix: string; readonly unchangedSince: Revision };

export type Change =
  | { readonly key: string; readonly value: string; readonly lease?: LeaseId }
  | { readonly key: string; readonly value: null };

/** What one revision changed, of the keys that are watched. */
export interface ChangeSet {
  readonly revision: Revision;
  readonly events: ReadonlyArray<{ readonly key: string; readonly entry: Entry | null }>;
}

/** Receives changes. After `onEnded` it receives nothing more. */
export interface Watcher {
  /** The store is reached: from now on changes come as they are made. */
  onBegun(): void;
  onChanges(changes: ChangeSet): void;
  onEnded(reason: WatchEnd): void;
}

/** What a store knows of its own past. */
export interface Recalled {
  /** Which copy it is, of a file or of a cluster: another one after most ways of restoring it. Empty: it does not know. */
  readonly copy: string;
  /** Whether the store has made the change that was seen; null: it no longer keeps changes of that age. */
  readonly isKept: boolean | null;
}

/** Why a watch has ended by itself. `compacted`: changes after the given revision are not kept any more. */
export type WatchEnd = { readonly kind: 'compacted' } | { readonly kind: 'lost'; readonly cause: Error };

/**
 * Where a registry keeps what it knows: entries by key, changed together or not at all, watched from a revision on, and
 * leases. One contract test runs against every store. To add one, write a file and list it in `open-store.ts`.
 *
 * Every method may fail with `StoreUnavailable`; what was being committed then may or may not have been. A commit that the
 * store will never take fails with `StoreRefused`.
 */
export interface Store {
  get(key: string): Promise<Entry | null>;
  /** All entries whose keys begin so, by key, and the revision that this is the state of. */
  list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: Revision }>;
  /**
   * Carries out all changes at one revision, durable once this resolves, if all conditions hold.
   * @returns null where one does not: nothing was changed
   */
  commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null>;
  /** Reports every change after a revision to keys with this prefix, in order, none twice. @returns what ends it */
  watch(prefix: string, after: Revision, watcher: Watcher): () => void;
  /**
   * Shows whether the store has gone back since a change was seen: restored from a backup, or started empty.
   * @param seen an entry as a change has left it; null: none was seen
   */
  recall(seen: Entry | null): Promise<Recalled>;
  /** Grants a lease that ends when it has not been renewed for this long; its entries go with it. */
  grantLease(lengthMs: number): Promise<LeaseId>;
  /** @returns false where it has ended */
  renewLease(lease: LeaseId): Promise<boolean>;
  revokeLease(lease: LeaseId): Promise<void>;
  /** Aborted once it is closed by this process: what goes on through every outage ends then. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** The store did not answer, not in time, or not as it should; it may do so again. */
export class StoreUnavailable extends Error {
  constructor(store: string, cause: unknown) {
    super(`the registry ${store} cannot be reached: ${plainText(cause)}`, { cause });
    this.name = 'StoreUnavailable';
  }
}

/**
 * The store is there and does not do what it was asked: it is out of bounds, or the token's role does not allow it. A
 * caller that retries through outages retries through this, too: the token may be given another role.
 */
export class StoreDenied extends StoreUnavailable {
  constructor(store: string, reason: string, cause: unknown) {
    super(store, cause);
    this.name = 'StoreDenied';
    this.message = `the registry ${store} refuses: ${reason}`;
  }
}

/** The store is there and does not take this commit, however often it is tried. Nothing was written. */
export class StoreRefused extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'StoreRefused';
  }
}

/** How many bytes a commit takes, but for the framing of the wire. */
export function commitBytes(changes: readonly Change[]): number {
  return changes.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value ?? ''), 0);
}
