import { setTimeout as pause } from 'node:timers/promises';
import { ClusterTable, type PositionRange, type SharedCluster, type StagedCluster } from '../../topology/index.ts';
import type { RoutingThreads } from '../routed-config.ts';

/** While it is waited for, requests for keys that move are held elsewhere. */
const TICK_MS = 2;

/** Whether the backend works on a call whose key leaves its shard by a table. @param positions of the keys that may; any where they are not given */
export type WorksOnLeaving = (next: ClusterTable, positions: PositionRange | undefined) => Promise<boolean>;

/**
 * Has the threads of an egress hold last. A call that other routers wait for may itself call by the egress: were that held, both would wait for
 * each other. So what the backend calls goes out, to owners as they were, for as long as it works on a call for a key that leaves; the others hold
 * new ones meanwhile, so that there is an end. A call along several backends is under way at each of them, and so no egress on its way holds it.
 */
export class LateHold implements RoutingThreads {
  readonly #threads: RoutingThreads;
  readonly #worksOnLeaving: WorksOnLeaving;
  #publications = 0;
  #isHolding = false;

  constructor(threads: RoutingThreads, worksOnLeaving: WorksOnLeaving) {
    this.#threads = threads;
    this.#worksOnLeaving = worksOnLeaving;
  }

  async publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void> {
    this.#publications++;
    if (staged?.step === 'hold') {
      if (!(await this.#mayHold(cluster, table, staged))) return;
      this.#isHolding = true;
    } else this.#isHolding = false;
    await this.#threads.publish(cluster, table, staged);
  }

  /** Waits until it may. @returns false where something else has been published meanwhile */
  async #mayHold(cluster: string, table: SharedCluster | null, staged: StagedCluster): Promise<boolean> {
    if (this.#isHolding) return true;
    const publication = this.#publications;
    const next = new ClusterTable(staged.table);
    let hasToWait = await this.#worksOnLeaving(next, staged.positions);
    // A process that comes up in the middle of it has published nothing yet.
    if (hasToWait && publication === this.#publications)
      await this.#threads.publish(cluster, table, { ...staged, step: 'drain' });
    while (hasToWait && publication === this.#publications) {
      await pause(TICK_MS);
      hasToWait = await this.#worksOnLeaving(next, staged.positions);
    }
    return publication === this.#publications;
  }

  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#threads.settled(cluster, attempt, step);
  }

  moving(cluster: string): Promise<number> {
    return this.#threads.moving(cluster);
  }

  isQuiet(...args: Parameters<RoutingThreads['isQuiet']>): ReturnType<RoutingThreads['isQuiet']> {
    return this.#threads.isQuiet(...args);
  }

  gone(cluster: string): Promise<boolean> {
    return this.#threads.gone(cluster);
  }

  emptied(cluster: string): Promise<boolean> {
    return this.#threads.emptied(cluster);
  }
}
