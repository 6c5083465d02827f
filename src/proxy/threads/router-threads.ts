import { Worker } from 'node:worker_threads';
import {
  checkFree,
  inTurn,
  type ListenerDescription,
  type ListeningSockets,
  type NamedListener,
  namedListeners,
  type ProcessConnections,
  processConnections,
} from '../../io/index.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import { type ThreadVitals, VitalsMonitor } from '../../runtime/thread-vitals.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { RouterCounters } from '../core/counters.ts';
import { startTracing } from '../http/observe/observe.ts';
import type { OpenStream } from '../http/observe/request-facts.ts';
import type { TableFingerprint } from '../http/routing.ts';
import { Router } from './router.ts';
import type { RouterSettings } from './settings.ts';

/** What a router process runs, whatever number of threads does it. */
export interface RouterThreadsOptions {
  readonly listen: readonly ListenerDescription[];
  readonly settings: RouterSettings;
  /** What another router has handed over; empty where there was none. As many of each address as there are threads. */
  readonly inherited: readonly ListeningSockets[];
  readonly clock: () => number;
  readonly random: () => number;
  /** The time of day, as log lines have it. */
  readonly timeOfDay: () => string;
}

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
   * Has every thread route by a table of a cluster, and go along with what is staged beside it; a table of null: nobody
   * knows who owns what. Resolves once all do.
   */
  publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void>;
  /** Resolves once every thread is done with a step of a handoff; false where that has been given up. */
  settled(cluster: string, attempt: number, step: string): Promise<boolean>;
  /** What each thread's table of a cluster places keys like. */
  fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>>;
  counters(): Promise<readonly RouterCounters[]>;
  /** How each thread is, the calling one too. */
  vitals(): Promise<readonly NamedVitals[]>;
  /** Streams that are open, at most so many of each thread. */
  openStreams(limit: number): Promise<readonly OpenStream[]>;
  /**
   * Has every thread go by other settings and addresses. Connections stay; each request goes by the old ones or the new ones.
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

/** One worker routes on the calling thread; more get a thread each and the kernel spreads connections by SO_REUSEPORT. */
export function routerThreads(workers: number, options: RouterThreadsOptions): RouterThreads {
  return workers === 1 ? new OwnThread(options) : new WorkerThreads(workers, options);
}

/** The thread that a process begins with. */
const MAIN = 'main';

function socketsOf(inherited: readonly ListeningSockets[], { name }: NamedListener): readonly number[] {
  return inherited.find((each) => each.name === name)?.sockets ?? [];
}

class OwnThread implements RouterThreads {
  readonly #options: RouterThreadsOptions;
  readonly #monitor = new VitalsMonitor();
  #router: Router | null = null;

  constructor(options: RouterThreadsOptions) {
    this.#options = options;
  }

  async start(): Promise<readonly number[]> {
    const { listen, settings, inherited, ...outside } = this.#options;
    const tracing = await startTracing(settings.observe, outside.random);
    const connections = processConnections(settings.maxConnections);
    const router = new Router({ ...outside, ...settings, http2Limits: settings.limits, tracing, connections });
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

  async fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>> {
    return this.#router === null ? [] : [await this.#router.fingerprint(cluster, keys)];
  }

  counters(): Promise<readonly RouterCounters[]> {
    return Promise.resolve(this.#router === null ? [] : [this.#router.counters]);
  }

  async vitals(): Promise<readonly NamedVitals[]> {
    return [{ name: MAIN, vitals: this.#monitor.read() }];
  }

  openStreams(limit: number): Promise<readonly OpenStream[]> {
    return Promise.resolve(this.#router?.openStreams(limit) ?? []);
  }

  async shutdown(graceMs: number): Promise<number> {
    return (await this.#router?.shutdown(graceMs)) ?? 0;
  }
}

/** What the main thread asks of a worker, and the answers by `id`. */
export type WorkerRequest =
  | { readonly id: number; readonly ask: 'listen'; readonly listen: readonly NamedListener[] }
  /** Answered by the ports. */
  | {
      readonly id: number;
      readonly ask: 'prepare';
      readonly settings: RouterSettings;
      readonly listen: readonly NamedListener[];
    }
  /** Goes by what was prepared last, or by what it went by before. */
  | { readonly id: number; readonly ask: 'apply' | 'discard' }
  | { readonly id: number; readonly ask: 'gone' | 'emptied'; readonly cluster: string }
  | {
      readonly id: number;
      readonly ask: 'publish';
      readonly cluster: string;
      readonly table: SharedCluster | null;
      readonly staged: StagedCluster | null;
    }
  | {
      readonly id: number;
      readonly ask: 'settled';
      readonly cluster: string;
      readonly attempt: number;
      readonly step: string;
    }
  | { readonly id: number; readonly ask: 'fingerprint'; readonly cluster: string; readonly keys: number }
  | { readonly id: number; readonly ask: 'counters' | 'sockets' | 'vitals' }
  | { readonly id: number; readonly ask: 'streams'; readonly limit: number }
  | { readonly id: number; readonly ask: 'shutdown'; readonly graceMs: number };

export type WorkerAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** What a worker is born with. */
export interface WorkerBirth {
  readonly settings: RouterSettings;
  readonly connections: ProcessConnections;
}

class WorkerThreads implements RouterThreads {
  readonly #workers: readonly WorkerHandle[];
  readonly #listen: readonly ListenerDescription[];
  readonly #monitor = new VitalsMonitor();
  /** The ports of addresses, by their names. */
  #ports = new Map<string, number>();
  readonly #clock: () => number;
  readonly #inherited: readonly ListeningSockets[];

  constructor(count: number, { listen, settings, inherited, clock }: RouterThreadsOptions) {
    this.#clock = clock;
    this.#inherited = inherited;
    this.#listen = listen;
    const birth: WorkerBirth = { settings, connections: processConnections(settings.maxConnections) };
    this.#workers = Array.from({ length: count }, () => new WorkerHandle(birth));
  }

  async start(): Promise<readonly number[]> {
    const listen = namedListeners(this.#listen);
    return this.#listenBy(listen, (worker, each) => worker.ask({ ask: 'listen', listen: each }));
  }

  async reload(settings: RouterSettings, wanted: readonly ListenerDescription[]): Promise<readonly number[]> {
    const before = this.#ports;
    const listen = namedListeners(wanted).map((each) => ({ ...each, port: before.get(each.name) ?? each.port }));
    try {
      const ports = await this.#listenBy(listen, (worker, each) =>
        worker.ask({ ask: 'prepare', settings, listen: each }),
      );
      // Nothing is left that could fail: the threads change over within the same millisecond or so.
      await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'apply' })));
      return ports;
    } catch (cause) {
      this.#ports = before;
      await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'discard' })));
      throw cause;
    }
  }

  /** Has threads listen, where nobody else does. @throws Error EADDRINUSE */
  #listenBy(
    listen: readonly NamedListener[],
    ask: (worker: WorkerHandle, listen: readonly NamedListener[]) => Promise<unknown>,
  ): Promise<readonly number[]> {
    return inTurn(this.#clock, async () => {
      for (const each of listen)
        if (!this.#ports.has(each.name) && socketsOf(this.#inherited, each).length === 0)
          await checkFree({ host: each.description.host, port: each.port });
      // The first thread finds out the ports where the system chooses them.
      const [first, ...others] = this.#workers;
      const ports = (await ask(first as WorkerHandle, this.#shareOf(listen, 0))) as readonly number[];
      const named = listen.map((each, i) => ({ ...each, port: ports[i] as number }));
      await Promise.all(others.map((worker, i) => ask(worker, this.#shareOf(named, i + 1))));
      this.#ports = new Map(named.map(({ name, port }) => [name, port]));
      return ports;
    });
  }

  /** Of the sockets that were handed over each belongs to one thread. */
  #shareOf(listen: readonly NamedListener[], thread: number): NamedListener[] {
    return listen.map((each) => ({
      ...each,
      inherited: socketsOf(this.#inherited, each).filter((_, i) => i % this.#workers.length === thread),
    }));
  }

  async sockets(): Promise<readonly ListeningSockets[]> {
    const asked = this.#workers.map((worker) => worker.ask({ ask: 'sockets' }));
    const all = ((await Promise.all(asked)) as ListeningSockets[][]).flat();
    return [...new Set(all.map(({ name }) => name))].map((name) => ({
      name,
      sockets: all.flatMap((each) => (each.name === name ? each.sockets : [])),
    }));
  }

  gone(cluster: string): Promise<boolean> {
    return this.#allSay({ ask: 'gone', cluster });
  }

  emptied(cluster: string): Promise<boolean> {
    return this.#allSay({ ask: 'emptied', cluster });
  }

  async #allSay(question: { readonly ask: 'gone' | 'emptied'; readonly cluster: string }): Promise<boolean> {
    const answers = await Promise.all(this.#workers.map((worker) => worker.ask(question)));
    return answers.every((answer) => answer === true);
  }

  async publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'publish', cluster, table, staged })));
  }

  async settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    const asked = this.#workers.map((worker) => worker.ask({ ask: 'settled', cluster, attempt, step }));
    return (await Promise.all(asked)).every((reached) => reached === true);
  }

  async fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>> {
    const asked = this.#workers.map((worker) => worker.ask({ ask: 'fingerprint', cluster, keys }));
    return (await Promise.all(asked)) as Array<TableFingerprint | null>;
  }

  async counters(): Promise<readonly RouterCounters[]> {
    return (await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'counters' })))) as RouterCounters[];
  }

  async vitals(): Promise<readonly NamedVitals[]> {
    const asked = this.#workers.map(async (worker, i) => {
      const vitals = (await worker.ask({ ask: 'vitals' })) as ThreadVitals;
      return { name: `worker-${i + 1}`, vitals };
    });
    return [{ name: MAIN, vitals: this.#monitor.read() }, ...(await Promise.all(asked))];
  }

  async openStreams(limit: number): Promise<readonly OpenStream[]> {
    const streams = await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'streams', limit })));
    return (streams as OpenStream[][]).flat();
  }

  async shutdown(graceMs: number): Promise<number> {
    const cut = await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'shutdown', graceMs })));
    await Promise.all(this.#workers.map((worker) => worker.end()));
    return (cut as number[]).reduce((sum, each) => sum + each, 0);
  }
}

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

const WORKER_FILE = moduleFile('./router-worker', import.meta.url);

class WorkerHandle {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #nextId = 1;

  constructor(birth: WorkerBirth) {
    this.#worker = new Worker(WORKER_FILE, { workerData: birth });
    this.#worker.on('message', (answer: WorkerAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiting?.reject(new Error(answer.error));
      else waiting?.resolve(answer.value);
    });
  }

  ask(request: Unnumbered<WorkerRequest>): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
