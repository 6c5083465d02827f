import { Documents } from './documents.ts';
import { Elections } from './elections.ts';
import { Handoffs } from './handoffs.ts';
import { Members } from './members.ts';
import { Namespaces } from './namespaces.ts';
import type { Store } from './store/store.ts';
import { Topologies } from './topologies.ts';
import { TrackedStore } from './tracked-store.ts';
import type { UnreadableEntries } from './unreadable.ts';

/** The clocks that a registry's client goes by. */
export interface RegistryClocks {
  /** Milliseconds of a monotonic clock, for leases. */
  readonly clock: () => number;
  /** The time of day, ISO 8601, to tell people when a version was committed. */
  readonly timeOfDay: () => string;
}

/** What routers, shards and people agree on, in whatever store. */
export class Registry {
  readonly namespaces: Namespaces;
  readonly topologies: Topologies;
  readonly handoffs: Handoffs;
  readonly members: Members;
  readonly elections: Elections;
  readonly documents: Documents;
  readonly #store: TrackedStore;

  constructor(opened: Store, { clock, timeOfDay }: RegistryClocks) {
    const store = new TrackedStore(opened);
    this.#store = store;
    this.namespaces = new Namespaces(store);
    this.topologies = new Topologies(store, this.namespaces, timeOfDay);
    this.handoffs = new Handoffs(store, this.namespaces, timeOfDay);
    this.members = new Members(store, clock);
    this.elections = new Elections(store, clock);
    this.documents = new Documents(store);
  }

  /** What this process has met in it that it cannot read, and goes on without. */
  get unreadable(): UnreadableEntries {
    return this.#store.unreadable;
  }

  /** @param told of what the store does not let this process do, by its token's role or its bounds: each reason once */
  onDenied(told: (reason: string) => void): void {
    this.#store.onDenied = told;
  }

  /** Ends the connection to the store. What it holds by lease goes when the leases end. */
  close(): Promise<void> {
    return this.#store.close();
  }
}
