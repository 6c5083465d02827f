import type { ListeningSockets, NamedListener, ProcessConnections } from '../../io/index.ts';
import type { ThreadVitals } from '../../runtime/thread-vitals.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { OpenStream } from '../core/open-request.ts';
import type { TableFingerprint } from '../core/owner/cluster-owners.ts';
import type { CountersSnapshot } from './counters-snapshot.ts';
import type { RouterSettings } from './settings.ts';

/** What a routing thread begins with. */
export interface RouterBirth {
  /** The settings that it uses until another `prepare` and `apply`. */
  readonly settings: RouterSettings;
  readonly connections: ProcessConnections;
}

/** What a routing thread is asked; see the methods of `Router`. */
export interface RouterCalls {
  /** @returns the ports, in the order of the addresses */
  listen(listen: readonly NamedListener[]): readonly number[];
  /** @returns the same. @throws Error where an address or a file cannot be had: then nothing has changed */
  prepare(settings: RouterSettings, listen: readonly NamedListener[]): readonly number[];
  /** Uses what was prepared last. */
  apply(): void;
  /** Continues with what it used before. */
  discard(): void;
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): void;
  settled(cluster: string, attempt: number, step: string): boolean;
  moving(cluster: string): number;
  isQuiet(cluster: string): boolean;
  gone(cluster: string): boolean;
  emptied(cluster: string): boolean;
  fingerprint(cluster: string, keys: number): TableFingerprint | null;
  counters(): CountersSnapshot;
  vitals(): ThreadVitals;
  sockets(): readonly ListeningSockets[];
  openStreams(limit: number): readonly OpenStream[];
  inspect(family: string, question: string, seconds: number): object | null;
  /** @returns how many connections had to be cut after the grace */
  shutdown(graceMs: number): number;
}
