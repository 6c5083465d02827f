import { Worker } from 'node:worker_threads';
import {
  checkFree,
  inTurn,
  type ListenerDescription,
  type ListeningSockets,
  type NamedListener,
  namedListeners,
  processConnections,
} from '../../io/index.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import { ThreadCaller, ThreadEnded } from '../../runtime/thread-calls.ts';
import { VitalsMonitor } from '../../runtime/thread-vitals.ts';
import type { SharedCluster, StagedCluster } from '../../topology/index.ts';
import type { OpenStream } from '../core/open-request.ts';
import type { TableFingerprint } from '../core/owner/cluster-owners.ts';
import type { CountersSnapshot } from './counters-snapshot.ts';
import type { RouterBirth, RouterCalls } from './router-calls.ts';
import {
  MAIN_THREAD,
  type NamedVitals,
  type RouterThreads,
  type RouterThreadsOptions,
  socketsOf,
} from './router-threads.ts';
import type { RouterSettings } from './settings.ts';

const WORKER_FILE = moduleFile('./router-worker', import.meta.url);

/** One of the threads: what ends it, and the way to it. */
class RoutingThread {
  readonly name: string;
  readonly calls: ThreadCaller<RouterCalls>;
  readonly #worker: Worker;

  constructor(name: string, birth: RouterBirth) {
    this.name = name;
    this.#worker = new Worker(WORKER_FILE, { workerData: birth });
    this.calls = new ThreadCaller<RouterCalls>(this.#worker);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Threads that share the ports by SO_REUSEPORT, and nothing else. */
export class WorkerThreads implements RouterThreads {
  readonly #threads: readonly RoutingThread[];
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
    const birth: RouterBirth = { settings, connections: processConnections(settings.maxConnections) };
    this.#threads = Array.from({ length: count }, (_, i) => new RoutingThread(`worker-${i + 1}`, birth));
  }

  async start(): Promise<readonly number[]> {
    const listen = namedListeners(this.#listen);
    return this.#listenBy(listen, ({ calls }, each) => calls.ask('listen', each));
  }

  async reload(settings: RouterSettings, wanted: readonly ListenerDescription[]): Promise<readonly number[]> {
    const before = this.#ports;
    const listen = namedListeners(wanted).map((each) => ({ ...each, port: before.get(each.name) ?? each.port }));
    try {
      const ports = await this.#listenBy(listen, ({ calls }, each) => calls.ask('prepare', settings, each));
      // Nothing is left that could fail: the threads change over within the same millisecond or so.
      await Promise.all(this.#threads.map(({ calls }) => calls.ask('apply')));
      return ports;
    } catch (cause) {
      this.#ports = before;
      await this.#each(({ calls }) => calls.ask('discard'));
      throw cause;
    }
  }

  /** Has threads listen, where no other process does. @throws Error EADDRINUSE */
  #listenBy(
    listen: readonly NamedListener[],
    ask: (thread: RoutingThread, listen: readonly NamedListener[]) => Promise<readonly number[]>,
  ): Promise<readonly number[]> {
    return inTurn(this.#clock, async () => {
      for (const each of listen)
        if (!this.#ports.has(each.name) && socketsOf(this.#inherited, each).length === 0)
          await checkFree({ host: each.description.host, port: each.port });
      // The first thread finds out the ports where the system chooses them.
      const [first, ...others] = this.#threads;
      const ports = await ask(first as RoutingThread, this.#shareOf(listen, 0));
      const named = listen.map((each, i) => ({ ...each, port: ports[i] as number }));
      await Promise.all(others.map((thread, i) => ask(thread, this.#shareOf(named, i + 1))));
      this.#ports = new Map(named.map(({ name, port }) => [name, port]));
      return ports;
    });
  }

  /** Of the sockets that were handed over each belongs to one thread. */
  #shareOf(listen: readonly NamedListener[], thread: number): NamedListener[] {
    return listen.map((each) => ({
      ...each,
      inherited: socketsOf(this.#inherited, each).filter((_, i) => i % this.#threads.length === thread),
    }));
  }

  /** What the threads answer that have not ended: while a router stops they end one by one, and that is no failure. */
  async #each<Value>(ask: (thread: RoutingThread) => Promise<Value>): Promise<Value[]> {
    const asked = this.#threads.map(async (thread): Promise<Value[]> => {
      try {
        return [await ask(thread)];
      } catch (error) {
        if (error instanceof ThreadEnded) return [];
        throw error;
      }
    });
    return ([] as Value[]).concat(...(await Promise.all(asked)));
  }

  async #allSay(ask: (thread: RoutingThread) => Promise<boolean>): Promise<boolean> {
    const answers = await this.#each(ask);
    return answers.length === this.#threads.length && answers.every((answer) => answer);
  }

  async sockets(): Promise<readonly ListeningSockets[]> {
    const all = (await this.#each(({ calls }) => calls.ask('sockets'))).flat();
    return [...new Set(all.map(({ name }) => name))].map((name) => ({
      name,
      sockets: all.flatMap((each) => (each.name === name ? each.sockets : [])),
    }));
  }

  gone(cluster: string): Promise<boolean> {
    return this.#allSay(({ calls }) => calls.ask('gone', cluster));
  }

  emptied(cluster: string): Promise<boolean> {
    return this.#allSay(({ calls }) => calls.ask('emptied', cluster));
  }

  async publish(cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void> {
    await this.#each(({ calls }) => calls.ask('publish', cluster, table, staged));
  }

  settled(cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.#allSay(({ calls }) => calls.ask('settled', cluster, attempt, step));
  }

  async moving(cluster: string): Promise<number> {
    const found = await this.#each(({ calls }) => calls.ask('moving', cluster));
    return found.reduce((sum, each) => sum + each, 0);
  }

  isQuiet(cluster: string): Promise<boolean> {
    return this.#allSay(({ calls }) => calls.ask('isQuiet', cluster));
  }

  fingerprints(cluster: string, keys: number): Promise<ReadonlyArray<TableFingerprint | null>> {
    return this.#each(({ calls }) => calls.ask('fingerprint', cluster, keys));
  }

  counters(): Promise<readonly CountersSnapshot[]> {
    return this.#each(({ calls }) => calls.ask('counters'));
  }

  async vitals(): Promise<readonly NamedVitals[]> {
    const others = await this.#each(async ({ name, calls }) => ({ name, vitals: await calls.ask('vitals') }));
    return [{ name: MAIN_THREAD, vitals: this.#monitor.read() }, ...others];
  }

  async openStreams(limit: number): Promise<readonly OpenStream[]> {
    return (await this.#each(({ calls }) => calls.ask('openStreams', limit))).flat();
  }

  inspect(family: string, question: string, seconds: number): Promise<ReadonlyArray<object | null>> {
    return this.#each(({ calls }) => calls.ask('inspect', family, question, seconds));
  }

  async shutdown(graceMs: number): Promise<number> {
    const cut = await this.#each(({ calls }) => calls.ask('shutdown', graceMs));
    await Promise.all(this.#threads.map((thread) => thread.end()));
    return cut.reduce((sum, each) => sum + each, 0);
  }
}
