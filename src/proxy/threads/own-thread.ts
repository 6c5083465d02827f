import { type ListenerDescription, type ListeningSockets, namedListeners, processConnections } from '../../io/index.ts';
import { VitalsMonitor } from '../../runtime/thread-vitals.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { OpenStream } from '../core/open-request.ts';
import type { TableFingerprint } from '../core/owner/cluster-owners.ts';
import { type CountersSnapshot, snapshotOf } from './counters-snapshot.ts';
import type { Router } from './router.ts';
import {
  MAIN_THREAD,
  type NamedVitals,
  type RouterThreads,
  type RouterThreadsOptions,
  socketsOf,
} from './router-threads.ts';
import type { RouterSettings } from './settings.ts';
import { startRouter } from './start-router.ts';

/** The calling thread routes itself. */
export class OwnThread implements RouterThreads {
  readonly #options: RouterThreadsOptions;
  readonly #monitor = new VitalsMonitor();
  #router: Router | null = null;

  constructor(options: RouterThreadsOptions) {
    this.#options = options;
  }

  async start(): Promise<readonly number[]> {
    const { listen, settings, inherited, ...outside } = this.#options;
    const connections = processConnections(settings.maxConnections);
    const router = await startRouter({ settings, connections }, outside);
    this.#router = router;
    return router.listen(
      namedListeners(listen).map((each) => ({ ...each, inherited: socketsOf(inherited, each) })),
      false,
    );
  }

  async reload(settings: RouterSettings, listen: readonly ListenerDescription[]): Promise<readonly number[]> {
    if (this.#router === null) return [];
    const prepared = await this.#router.prepare(settings, namedListeners(listen), false);
    prepared.apply();
    return prepared.ports;
  }

  async sockets(): Promise<readonly ListeningSockets[]> {
    return this.#router?.sockets() ?? [];
  }

  gone(cluster: string): Promise<boolean> {
    return this.#router?.gone(cluster) ?? Promise.resolve(false);
  }

  emptied(cluster: string): Promise<boolean> {
    return this.#router?.emptied(cluster) ?? Promise.resolve(false);
  }

  async publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void> {
    this.#router?.publish(cluster, table, staged);
  }

  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#router?.settled(cluster, attempt, step) ?? Promise.resolve(false);
  }

  async moving(cluster: string): Promise<number> {
    return this.#router?.moving(cluster) ?? 0;
  }

  async isQuiet(cluster: string): Promise<boolean> {
    return this.#router?.isQuiet(cluster) ?? false;
  }

  async fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>> {
    return this.#router === null ? [] : [await this.#router.fingerprint(cluster, keys)];
  }

  async counters(): Promise<readonly CountersSnapshot[]> {
    return this.#router === null ? [] : [snapshotOf(this.#router.counters)];
  }

  async vitals(): Promise<readonly NamedVitals[]> {
    return [{ name: MAIN_THREAD, vitals: this.#monitor.read() }];
  }

  openStreams(limit: number): Promise<readonly OpenStream[]> {
    return Promise.resolve(this.#router?.openStreams(limit) ?? []);
  }

  async inspect(family: string, question: string, seconds: number): Promise<ReadonlyArray<object | null>> {
    return this.#router === null ? [] : [await this.#router.inspect(family, question, seconds)];
  }

  async shutdown(graceMs: number): Promise<number> {
    return (await this.#router?.shutdown(graceMs)) ?? 0;
  }
}
