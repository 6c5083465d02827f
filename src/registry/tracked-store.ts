import { type Pause, pausesBy } from '../runtime/pause.ts';
import { LONGEST_LEASE_MS } from './access/call-bounds.ts';
import type { FencingToken } from './fencing-token.ts';
import { INCARNATIONS, incarnationOf, recordLongestLease, type StoredIncarnation } from './incarnation.ts';
import {
  type Change,
  type Condition,
  type Entry,
  type LeaseId,
  type Recalled,
  type Revision,
  type Store,
  StoreDenied,
  StoreUnavailable,
  type Watcher,
} from './store/store.ts';
import { UnreadableEntries } from './unreadable.ts';

/** What is denied has a reason for each key: a process that tries many gets some reports twice. */
const MAX_REPORTED = 100;

/** A single call may fail for a reason of its own: its lease has ended, or a connection was lost. */
const FAILURES_OF_AN_OUTAGE = 2;

/**
 * A store, with what this process knows of it beyond its entries: what of it cannot be read, and which incarnation it
 * is. It notices by what has seen when the store goes back: then it is another store, and what was held by the one
 * before, or compared with it, no longer counts.
 */
export class TrackedStore implements Store {
  readonly #store: Store;
  /** Between attempts. */
  readonly pause: Pause;
  /** What this process has met that it cannot read. */
  readonly unreadable = new UnreadableEntries();
  /**
   * Called with what the store does not let this process do, each once; a caller that repeats it gets the error, too.
   */
  onDenied: (reason: string) => void = () => {};
  readonly #denied = new Set<string>();
  /** Called when the store cannot be reached, with the reason, and with null once it can be reached again. */
  onOutage: (reason: string | null) => void = () => {};
  /** How many calls in a row have failed. */
  #failures = 0;
  #incarnation: StoredIncarnation | null = null;
  #ended = new AbortController();
  #revision: Revision | 0 = 0;
  #entry: Entry | null = null;
  #leastToken = 0 as FencingToken;
  /** The last check that was begun, whatever came of it. */
  #checking: Promise<unknown> = Promise.resolve();
  /** The next one, shared by all callers that ask until it begins. */
  #nextCheck: Promise<string> | null = null;
  #stopWatching: (() => void) | null = null;
  #longestLeaseMs = 0;

  /** @param random between 0 and 1; spreads what is tried again */
  constructor(store: Store, random: () => number) {
    this.#store = store;
    this.pause = pausesBy(random);
  }

  /** Of the incarnation that the store was last known as. 0: of the first one, or of none yet. */
  get epoch(): number {
    return this.#incarnation?.epoch ?? 0;
  }

  /** Of the store as it was last known, for comparing; empty: nothing is known yet. */
  get incarnation(): string {
    return this.#incarnation?.id ?? '';
  }

  /** Aborted once the store is found to be another one than now. */
  get replaced(): AbortSignal {
    return this.#ended.signal;
  }

  /** Notes that, by what was kept elsewhere, the store has made the change of this token. Call it before any read. */
  expectTokensBeyond(token: FencingToken): void {
    this.#leastToken = Math.max(this.#leastToken, token) as FencingToken;
  }

  /** Finds out which incarnation the store is at a moment from now on. @returns its id. @throws StoreUnavailable */
  check(): Promise<string> {
    this.#nextCheck ??= this.#checking.then(() => {
      this.#nextCheck = null;
      const check = this.#check();
      this.#checking = check.catch(() => {});
      return check;
    });
    return this.#nextCheck;
  }

  async #check(): Promise<string> {
    const seen = {
      incarnation: this.#incarnation,
      revision: this.#revision,
      entry: this.#entry,
      longestLeaseMs: this.#longestLeaseMs,
    };
    const found = await this.#noted(incarnationOf(this.#store, seen, this.#leastToken, this.pause));
    if (found.id !== '') this.#adopt(found);
    this.#watchForOthers();
    return found.id;
  }

  #adopt(found: StoredIncarnation): void {
    const before = this.#incarnation;
    this.#incarnation = found;
    if (before === null || before.id === found.id) return;
    this.#revision = 0;
    this.#entry = null;
    this.#longestLeaseMs = found.longestLeaseMs;
    const ended = this.#ended;
    this.#ended = new AbortController();
    ended.abort();
  }

  /** Another process may notice before this one does. */
  #watchForOthers(): void {
    if (this.#stopWatching !== null || this.closed.aborted) return;
    const again = (): void => {
      this.check().catch(() => {});
    };
    this.#stopWatching = this.#store.watch(INCARNATIONS, this.#revision as Revision, {
      onBegun: () => {},
      onChanges: again,
      // Everything that follows entries starts over as well, and checks then.
      onEnded: () => {
        this.#stopWatching = null;
      },
    });
  }

  async get(key: string): Promise<Entry | null> {
    const entry = await this.#noted(this.#store.get(key));
    if (entry !== null) this.#saw(entry);
    return entry;
  }

  async list(prefix: string): Promise<{ readonly entries: readonly Entry[]; readonly revision: Revision }> {
    const before = this.#revision;
    const listed = await this.#noted(this.#store.list(prefix));
    if (listed.revision < before) await this.check();
    this.#revision = Math.max(this.#revision, listed.revision) as Revision;
    return listed;
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    const revision = await this.#noted(this.#store.commit(conditions, changes));
    if (revision !== null)
      for (const { key, value } of changes) if (value !== null) this.#saw({ key, value, created: revision, revision });
    return revision;
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    return this.#store.watch(prefix, after, {
      onBegun: () => watcher.onBegun(),
      onChanges: (changes) => {
        for (const { entry } of changes.events) if (entry !== null) this.#saw(entry);
        watcher.onChanges(changes);
      },
      onEnded: (reason) => watcher.onEnded(reason),
    });
  }

  /** The last change of all that is known is what a store that went back does not have. */
  #saw(entry: Entry): void {
    if (entry.revision <= (this.#entry?.revision ?? 0)) return;
    this.#entry = entry;
    this.#revision = Math.max(this.#revision, entry.revision) as Revision;
  }

  recall(seen: Entry | null): Promise<Recalled> {
    return this.#noted(this.#store.recall(seen));
  }

  /** For how long a process of this incarnation may act without hearing from the store: if it goes back, all others wait for that. */
  get longestLeaseMs(): number {
    return this.#longestLeaseMs;
  }

  /** Has others wait for longer. No process is waited for longer than a lease can be. @throws StoreUnavailable */
  async recordLongestLease(wantedMs: number): Promise<void> {
    const lengthMs = Math.min(wantedMs, LONGEST_LEASE_MS);
    if (lengthMs <= this.#longestLeaseMs) return;
    if (this.#incarnation === null) await this.check();
    await this.#noted(recordLongestLease(this.#store, lengthMs));
    this.#longestLeaseMs = Math.max(this.#longestLeaseMs, lengthMs);
  }

  async grantLease(lengthMs: number): Promise<LeaseId> {
    await this.recordLongestLease(lengthMs);
    return this.#noted(this.#store.grantLease(lengthMs));
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#noted(this.#store.renewLease(lease));
  }

  revokeLease(lease: LeaseId): Promise<void> {
    return this.#noted(this.#store.revokeLease(lease));
  }

  async #noted<Result>(asked: Promise<Result>): Promise<Result> {
    try {
      const result = await asked;
      this.#noteReached();
      return result;
    } catch (error) {
      if (error instanceof StoreDenied) {
        this.#noteReached();
        this.#noteDenied(error.message);
      } else if (error instanceof StoreUnavailable) this.#noteAway(error.message);
      throw error;
    }
  }

  #noteDenied(reason: string): void {
    if (this.#denied.has(reason)) return;
    if (this.#denied.size < MAX_REPORTED) this.#denied.add(reason);
    this.onDenied(reason);
  }

  #noteAway(reason: string): void {
    if (++this.#failures === FAILURES_OF_AN_OUTAGE) this.onOutage(reason);
  }

  #noteReached(): void {
    if (this.#failures >= FAILURES_OF_AN_OUTAGE) this.onOutage(null);
    this.#failures = 0;
  }

  get closed(): AbortSignal {
    return this.#store.closed;
  }

  close(): Promise<void> {
    this.#stopWatching?.();
    return this.#store.close();
  }
}
