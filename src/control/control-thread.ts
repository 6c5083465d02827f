import { Worker } from 'node:worker_threads';
import type { RegistryDescription, RouterValue } from '../registry/index.ts';
import { moduleFile } from '../runtime/module-file.ts';
import { answerCalls, ThreadCaller } from '../runtime/thread-calls.ts';
import { heapAndLoop, type ThreadVitals } from '../runtime/thread-vitals.ts';
import type { TopologyName } from '../topology/index.ts';
import type { ControlEvent } from './control-event.ts';
import type { ServesUntil } from './serving-lease.ts';

/** What the control plane's thread is born with. */
export interface ControlBirth {
  readonly store: RegistryDescription;
  /** The folder where the last topologies are kept; null: they are not, and nothing is served without a lease. */
  readonly keepIn: string | null;
  readonly leaseMs: number;
  /** The router's name among the registry's members. */
  readonly router: string;
  /** What it reports about itself before it serves anything. */
  readonly value: RouterValue;
  readonly clusters: readonly ControlledCluster[];
}

/** A cluster that is followed. */
export interface ControlledCluster {
  readonly name: string;
  readonly topology: TopologyName;
  readonly servesUntil: ServesUntil;
}

/** The calls to it; see the methods of `ControlThread`. */
export interface ControlCalls {
  serving(value: RouterValue): void;
  /** `value` names the clusters with the one that is new, or without the one that is gone. */
  follow(cluster: ControlledCluster, value: RouterValue): void;
  leave(cluster: string, value: RouterValue): void;
  carriedOut(cluster: string, id: number): void;
  stop(): void;
}

/** What it reports. */
export interface ControlNews {
  event(event: ControlEvent): void;
}

const WORKER_FILE = moduleFile('./control-worker', import.meta.url);

/** A control plane, wherever it runs. */
export type Control = Pick<ControlThread, keyof ControlThread>;

/** @param onFault called with what has ended it, which should never happen */
export type StartControl = (
  birth: ControlBirth,
  onEvent: (event: ControlEvent) => void,
  onFault: (error: Error) => void,
) => Control;

/** The thread that follows the registry for a router. */
export class ControlThread {
  readonly #worker: Worker;
  readonly #calls: ThreadCaller<ControlCalls>;
  readonly #ended: Promise<void>;

  /** @param onFault called with what has ended the thread, which should never happen */
  constructor(birth: ControlBirth, onEvent: (event: ControlEvent) => void, onFault: (error: Error) => void) {
    this.#worker = new Worker(WORKER_FILE, { workerData: birth });
    this.#calls = new ThreadCaller<ControlCalls>(this.#worker);
    answerCalls<ControlNews>(this.#worker, { event: onEvent });
    this.#worker.on('error', onFault);
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /** Publishes what this router serves. */
  serving(value: RouterValue): void {
    this.#calls.notify('serving', value);
  }

  /** Follows another cluster: it is served once the others know that this router does so. */
  follow(cluster: ControlledCluster, value: RouterValue): void {
    this.#calls.notify('follow', cluster, value);
  }

  /** Follows a cluster no more, to which no thread sends anything any more. */
  leave(cluster: string, value: RouterValue): void {
    this.#calls.notify('leave', cluster, value);
  }

  /** Every thread of the router does what an event said. */
  carriedOut(cluster: string, id: number): void {
    this.#calls.notify('carriedOut', cluster, id);
  }

  /** How it is, as far as can be seen from outside. */
  async vitals(): Promise<ThreadVitals> {
    return { ...heapAndLoop(await this.#worker.getHeapStatistics(), this.#worker.performance), loop: null };
  }

  /** Leaves the registry. Where that cannot be reached it is not waited for long. */
  async stop(): Promise<void> {
    this.#calls.notify('stop');
    const timeout = setTimeout(() => this.#worker.terminate(), STOP_MS);
    await this.#ended;
    clearTimeout(timeout);
  }
}

/** A lease that is not given back ends by itself. */
const STOP_MS = 2000;

/** A thread of its own, as a router has it. */
export const startControlThread: StartControl = (birth, onEvent, onFault) => new ControlThread(birth, onEvent, onFault);
