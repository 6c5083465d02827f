import type { ListenerDescription, ListeningSockets, NamedListener } from '../../io/index.ts';
import type { ThreadVitals } from '../../runtime/thread-vitals.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { OpenStream } from '../core/open-request.ts';
import type { TableFingerprint } from '../core/owner/cluster-owners.ts';
import type { CountersSnapshot } from './counters-snapshot.ts';
import type { RouterSettings } from './settings.ts';
import type { RouterSurroundings } from './start-router.ts';

/** What a router process runs, whatever number of threads does it. */
export interface RouterThreadsOptions extends RouterSurroundings {
  readonly listen: readonly ListenerDescription[];
  readonly settings: RouterSettings;
  /** What another router has handed over; empty where there was none. As many of each address as there are threads. */
  readonly inherited: readonly ListeningSockets[];
}

/** The thread that a process begins with. */
export const MAIN_THREAD = 'main';

/** A thread's vitals, and what the thread is called. */
export interface NamedVitals {
  readonly name: string;
  readonly vitals: ThreadVitals;
}

/** A router on one thread or several, which share its ports and nothing else. */
export interface RouterThreads {
  /** Listens. @returns the ports, in the order of the addresses */
  start(): Promise<readonly number[]>;
  /**
   * Has every thread route by a table of a cluster, and go along with what is staged beside it; a table of null: the
   * owners are not known. Resolves once all do.
   */
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void>;
  /** Resolves once every thread is done with a step of a handoff; false where that has been given up. */
  settled(cluster: string, attempt: number, step: string): Promise<boolean>;
  /** How many watches are open, in all threads, whose keys move by what is staged. */
  moving(cluster: string): Promise<number>;
  /** Whether what is staged could be held at once: in no thread does it move a call that takes long. */
  isQuiet(cluster: string): Promise<boolean>;
  /** Fingerprints of how each thread's table of a cluster places keys. */
  fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>>;
  counters(): Promise<readonly CountersSnapshot[]>;
  /** How each thread is, the calling one too. */
  vitals(): Promise<readonly NamedVitals[]>;
  /** Streams that are open, at most `limit` of each thread. */
  openStreams(limit: number): Promise<readonly OpenStream[]>;
  /** What each thread answers to a question about a family; see `RunningFamily.inspect`. */
  inspect(family: string, question: string, seconds: number): Promise<ReadonlyArray<object | null>>;
  /**
   * Has every thread use other settings and addresses. Connections stay; each request uses the old ones or the new
   * ones.
   * @returns the ports, in the order of the addresses
   * @throws Error where an address or a file cannot be had: then nothing has changed
   */
  reload(settings: RouterSettings, listen: readonly ListenerDescription[]): Promise<readonly number[]>;
  /** Resolves once nothing is open to a cluster that a reload has taken out; false where a later one has put it in again. */
  gone(cluster: string): Promise<boolean>;
  /** Resolves once nothing is open to a cluster that has no topology any more; false where it has one again. */
  emptied(cluster: string): Promise<boolean>;
  /** The sockets that are listened on, of all threads, to be handed to another router. */
  sockets(): Promise<readonly ListeningSockets[]>;
  /** @returns how many connections had to be cut after the grace */
  shutdown(graceMs: number): Promise<number>;
}

/** The sockets of an address among those that were handed over. */
export function socketsOf(inherited: readonly ListeningSockets[], { name }: NamedListener): readonly number[] {
  return inherited.find((each) => each.name === name)?.sockets ?? [];
}
