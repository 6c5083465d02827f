import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { vi } from 'vitest';
import { Participants, Registry } from '../../src/registry/index.ts';
import { EtcdStore } from '../../src/registry/store/etcd-store.ts';
import { RemoteStore } from '../../src/registry/store/remote-store.ts';
import { SqliteStore } from '../../src/registry/store/sqlite-store.ts';
import type { Store } from '../../src/registry/store/store.ts';
import { StoreServer } from '../../src/registry/store/store-server.ts';
import { freePorts, type Running, type Scope } from './processes.ts';

/** As long as anything here may take on a busy machine. */
export const PATIENCE = { timeout: 30_000, interval: 20 };

export const clock = (): number => performance.now();

/** A real store of one kind, with what can befall it. */
export interface StoreUnderTest {
  /** The same as a router's config has it. */
  readonly config: object;
  /** A client of its own: nothing is shared with another one. */
  open(): Store;
  /** Has it forget its past changes. */
  compact(): Promise<void>;
  /** A short lease that it grants as asked, and that a busy machine renews in time: with a server that takes more. */
  readonly leaseMs: number;
  /** What can be done to the processes that serve it; none where it is in the process itself. */
  readonly servers: readonly Server[];
}

export interface Server {
  /** Ends it as a machine ends that loses its power. */
  kill(): Promise<void>;
  /** Starts it again, with the data that it had. */
  start(): Promise<void>;
  /** Stops it, as a virtual machine that is not scheduled, and lets it go on. */
  pause(): void;
  resume(): void;
}

class ServerProcess implements Server {
  readonly #launch: () => Promise<Running>;
  #running: Running | null = null;

  constructor(launch: () => Promise<Running>) {
    this.#launch = launch;
  }

  async start(): Promise<void> {
    this.#running = await this.#launch();
  }

  async kill(): Promise<void> {
    await this.#running?.end('SIGKILL');
  }

  pause(): void {
    this.#running?.child.kill('SIGSTOP');
  }

  resume(): void {
    this.#running?.child.kill('SIGCONT');
  }
}

async function compacted(file: string): Promise<void> {
  const store = new SqliteStore(file, clock);
  store.compact();
  await store.close();
}

export async function sqlite(scope: Scope): Promise<StoreUnderTest> {
  const file = join(scope.folder(), 'registry.sqlite');
  return {
    config: { sqlite: { path: file } },
    open: () => new SqliteStore(file, clock),
    compact: () => compacted(file),
    leaseMs: 600,
    servers: [],
  };
}

/** What `keyway registry` serves, from this process, and clients that reach it by gRPC. */
export async function served(scope: Scope): Promise<RemoteStoreUnderTest> {
  const file = join(scope.folder(), 'registry.sqlite');
  const store = new SqliteStore(file, clock);
  const server = new StoreServer(store, { participants: Participants.anybody(), tls: null });
  const address = `127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
  scope.defer(async () => {
    server.close();
    await store.close();
  });
  return remoteStore(file, address, []);
}

/** `keyway registry` in a process of its own, and clients that reach it by gRPC: where something befalls that process. */
export async function remote(scope: Scope): Promise<RemoteStoreUnderTest> {
  const file = join(scope.folder(), 'registry.sqlite');
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const server = new ServerProcess(async () => {
    const running = scope.keyway(['registry', '--listen', address, '--data', file]);
    await running.printed(/registry on/);
    return running;
  });
  await server.start();
  return remoteStore(file, address, [server]);
}

export interface RemoteStoreUnderTest extends StoreUnderTest {
  /** Where it is served. */
  readonly address: string;
}

function remoteStore(file: string, address: string, servers: readonly Server[]): RemoteStoreUnderTest {
  return {
    config: { remote: { address } },
    address,
    open: () => new RemoteStore({ address }),
    compact: () => compacted(file),
    leaseMs: 1500,
    servers,
  };
}

const INSTALL_ETCD = 'etcd is not installed: apt-get install etcd-server etcd-client';

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** etcd with a number of members, from Debian. */
export async function etcd(scope: Scope, members: number): Promise<StoreUnderTest> {
  if (!isInstalled('etcd')) throw new Error(INSTALL_ETCD);
  const ports = await freePorts(2 * members);
  const endpoints = ports.slice(0, members).map((port) => `127.0.0.1:${port}`);
  const peers = ports.slice(members).map((port) => `http://127.0.0.1:${port}`);
  const cluster = peers.map((peer, i) => `m${i}=${peer}`).join(',');
  const servers = endpoints.map((endpoint, i) => {
    const data = scope.folder();
    return new ServerProcess(async () => {
      const client = `http://${endpoint}`;
      const peer = peers[i] as string;
      const addresses = ['--listen-client-urls', client, '--advertise-client-urls', client];
      const others = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster];
      const running = scope.run('etcd', ['--name', `m${i}`, '--data-dir', data, ...addresses, ...others]);
      await running.printed(/ready to serve client requests/);
      return running;
    });
  });
  await Promise.all(servers.map((server) => server.start()));
  const open = (): EtcdStore => new EtcdStore({ endpoints, timeOfDayMs: Date.now, random: Math.random });
  const compact = async (): Promise<void> => {
    const store = open();
    await store.compact();
    await store.close();
  };
  return { config: { etcd: { endpoints } }, open, compact, leaseMs: 2000, servers };
}

/** A registry with a client of its own, closed at the test's end. */
export function registryOn(store: Store, scope: Scope): Registry {
  const registry = new Registry(store, { clock, timeOfDay: () => new Date().toISOString(), random: Math.random });
  scope.defer(() => registry.close().catch(() => {}));
  return registry;
}

/** What an iteration has given so far. */
export class Collected<Value> {
  readonly values: Value[] = [];
  readonly #stop: () => void;

  constructor(values: AsyncIterable<Value>, stop: () => void) {
    this.#stop = stop;
    const collect = async (): Promise<void> => {
      for await (const value of values) this.values.push(value);
    };
    this.done = collect();
  }

  readonly done: Promise<void>;

  static of<Value>(watch: (signal: AbortSignal) => AsyncIterable<Value>): Collected<Value> {
    const controller = new AbortController();
    return new Collected(watch(controller.signal), () => controller.abort());
  }

  /** Waits until what was given satisfies; then the values so far. */
  until(satisfied: (values: readonly Value[]) => boolean): Promise<void> {
    return vi.waitFor(() => {
      if (!satisfied(this.values)) throw new Error(`so far: ${JSON.stringify(this.values).slice(-500)}`);
    }, PATIENCE);
  }

  async stop(): Promise<void> {
    this.#stop();
    await this.done;
  }
}
