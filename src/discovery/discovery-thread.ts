import { Worker } from 'node:worker_threads';
import { moduleFile } from '../runtime/module-file.ts';
import { answerCalls, ThreadCaller } from '../runtime/thread-calls.ts';
import type { SharedCluster } from '../topology/index.ts';
import type { DiscoveredCluster } from './discovered-cluster.ts';

/** The calls to the thread. */
export interface DiscoveryCalls {
  follow(cluster: DiscoveredCluster): void;
  leave(cluster: string): void;
  stop(): void;
}

/** What it reports of a cluster. */
export interface DiscoveryNews {
  /** Other owners, or the first. */
  found(cluster: string, table: SharedCluster): void;
  /** Something that people should know; what was found last stays. */
  fault(cluster: string, message: string): void;
}

const WORKER_FILE = moduleFile('./discovery-worker', import.meta.url);

/** A thread that asks Redis clusters where their keys are, and builds tables of it: none of that is on the way of a request. */
export class DiscoveryThread {
  readonly #worker: Worker;
  readonly #calls: ThreadCaller<DiscoveryCalls>;
  readonly #ended: Promise<void>;

  constructor(news: DiscoveryNews) {
    this.#worker = new Worker(WORKER_FILE);
    this.#calls = new ThreadCaller<DiscoveryCalls>(this.#worker);
    answerCalls<DiscoveryNews>(this.#worker, news);
    // Without it clusters would silently be out of date: the process ends, and its supervisor restarts it.
    this.#worker.on('error', (error) => {
      throw error;
    });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  follow(cluster: DiscoveredCluster): void {
    this.#calls.notify('follow', cluster);
  }

  leave(cluster: string): void {
    this.#calls.notify('leave', cluster);
  }

  async stop(): Promise<void> {
    this.#calls.notify('stop');
    await this.#ended;
  }
}
