import type { Accepted } from '../../io/index.ts';
import type { CoreContext } from './context.ts';
import type { CounterNames } from './counters.ts';
import type { FrontDoor } from './front-door.ts';
import type { ClusterOwners } from './owner/cluster-owners.ts';
import type { PoolFactories } from './owner/pool.ts';
import type { Session } from './session.ts';

/** What a thread's router does for the families of protocols that it speaks. */
export interface FamilyHost {
  readonly context: CoreContext;
  /** The time of day, as log lines have it. */
  readonly timeOfDay: () => string;
  /** The owners in a cluster now; undefined if there is no such cluster. */
  ownersIn(cluster: string): ClusterOwners | undefined;
  /** A session that one of the family's doors has made is over. */
  onSessionClosed(session: Session): void;
}

/** Settings for which everything is open, and which nothing uses yet. */
export interface Prepared {
  /** The next request uses them. */
  apply(): void;
  /** All stays as it was. */
  discard(): void;
}

/** A family at work in one thread. */
export interface RunningFamily<Settings = unknown> {
  /** In the order in which they are asked about a connection. */
  readonly doors: readonly FrontDoor[];
  /**
   * Takes a connection of an address that is the family's alone, from its first byte on. Absent where it has no such addresses.
   * @param entry by which it knows the address; see `FamilyEntry`
   */
  accept?(accepted: Accepted, entry: string): Session;
  /** For the protocols that shards may speak. */
  readonly pools: PoolFactories;
  /**
   * Opens what other settings need; also for those that it begins with. They are applied in the same turn as the router's own,
   * which are in the host's context then.
   * @throws Error where a file cannot be had: then nothing has changed
   */
  prepare(settings: Settings): Prepared;
  /** A cluster has other owners from now on. */
  onOwners(owners: ClusterOwners): void;
  /**
   * Answers what people ask about the family in this thread, as plain data. Absent where there is nothing to ask.
   * @param seconds for which it looks, where it has to
   * @returns null where it does not know the question
   */
  inspect?(question: string, seconds: number): Promise<object | null>;
  /** All sessions are over. */
  stop(): Promise<void>;
}

/** What begins a family's part of a router. */
export type FamilyStart<Settings = unknown> = (host: FamilyHost) => RunningFamily<Settings>;

/**
 * A family of protocols that clients and shards speak, such as HTTP's versions. It has doors for clients, pools for shards,
 * requests in between, which the core gates, drains and counts, and settings of its own. Families know nothing of each other.
 */
export interface Family<Name extends string = string, Settings = unknown> {
  /** The key that its settings stand under. */
  readonly name: Name;
  readonly counted: CounterNames;
  /** Loads what its settings need before a router begins, such as a library of many files. */
  load(settings: Settings, random: () => number): Promise<FamilyStart<Settings>>;
}

/** The settings of a family. */
export type SettingsOf<Each> = Each extends Family<string, infer Settings> ? Settings : never;
