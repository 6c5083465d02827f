import { type Pause, RETRY_MS } from '../runtime/pause.ts';
import { Documents } from './documents.ts';
import { Elections } from './elections.ts';
import type { FencingToken } from './fencing-token.ts';
import { Handoffs } from './handoffs.ts';
import { SETTLING } from './incarnation.ts';
import { Members } from './members.ts';
import { Namespaces } from './namespaces.ts';
import { RouterWatch } from './router-watch.ts';
import { StagedTopologies } from './staged-topologies.ts';
import { type Store, StoreUnavailable } from './store/store.ts';
import { Topologies } from './topologies.ts';
import { TrackedStore } from './tracked-store.ts';
import type { UnreadableEntries } from './unreadable.ts';

/** What a registry's client has of its surroundings. */
export interface RegistrySurroundings {
  /** Milliseconds of a monotonic clock, for leases. */
  readonly clock: () => number;
  /** The time of day, ISO 8601, to tell people when a version was committed. */
  readonly timeOfDay: () => string;
  /** Between 0 and 1; spreads what many try again at one moment. */
  readonly random: () => number;
}

/** What routers, shards and people agree on, in whatever store. */
export class Registry {
  readonly namespaces: Namespaces;
  readonly topologies: Topologies;
  readonly handoffs: Handoffs;
  readonly members: Members;
  /** The routers, as those that drive handoffs watch them. */
  readonly routers: RouterWatch;
  readonly elections: Elections;
  readonly documents: Documents;
  readonly #store: TrackedStore;

  constructor(opened: Store, { clock, timeOfDay, random }: RegistrySurroundings) {
    const store = new TrackedStore(opened, random);
    this.#store = store;
    this.namespaces = new Namespaces(store);
    const staged = new StagedTopologies();
    this.topologies = new Topologies(store, this.namespaces, staged, timeOfDay);
    this.handoffs = new Handoffs(store, this.namespaces, staged, timeOfDay);
    this.members = new Members(store, clock);
    this.routers = new RouterWatch(this.members);
    this.elections = new Elections(store, clock);
    this.documents = new Documents(store);
  }

  /** What this process has met in it that it cannot read, and goes on without. */
  get unreadable(): UnreadableEntries {
    return this.#store.unreadable;
  }

  /** Between attempts at what the registry did not do, or did not answer. */
  get pause(): Pause {
    return this.#store.pause;
  }

  /** @param report called with what the store denies this process, by its token's role or its bounds: each reason once */
  onDenied(report: (reason: string) => void): void {
    this.#store.onDenied = report;
  }

  /** @param report called once when the registry cannot be reached, with the reason, and with null once it can be reached again */
  onOutage(report: (reason: string | null) => void): void {
    this.#store.onOutage = report;
  }

  /**
   * Which incarnation the registry is at a moment from now on: another one than before, and whatever was compared with it before does not
   * count. @throws StoreUnavailable
   */
  incarnation(): Promise<string> {
    return this.#store.check();
  }

  /**
   * Notes that something kept elsewhere was written by this token: later tokens have to be larger. Call it before any
   * read.
   */
  expectTokensBeyond(token: FencingToken): void {
    this.#store.expectTokensBeyond(token);
  }

  /**
   * Resolves once no process uses an earlier incarnation of the registry, or `signal` aborts. It waits through outages.
   */
  async settled(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if ((await this.#store.get(SETTLING)) === null) return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
      }
      await this.pause(RETRY_MS, signal);
    }
  }

  /** For how long a process may act without hearing from the registry, by what was recorded with `recordLongestLease` and by its lease. */
  get longestLeaseMs(): number {
    return this.#store.longestLeaseMs;
  }

  /**
   * Records that this process may act for that long after it last heard from the registry: if the registry goes back to a backup, no other process
   * serves under the new incarnation before then. It waits through outages, until `signal` aborts.
   */
  async recordLongestLease(lengthMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#store.recordLongestLease(lengthMs);
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
      }
      await this.pause(RETRY_MS, signal);
    }
  }

  /** Ends the connection to the store. What it holds by lease goes when the leases end. */
  close(): Promise<void> {
    return this.#store.close();
  }
}
