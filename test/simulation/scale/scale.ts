import { RoutedClusters } from '../../../src/app/routed-clusters.ts';
import type { RoutingThreads } from '../../../src/app/routed-config.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { type Control, type ControlBirth, type ControlEvent, ControlPlane } from '../../../src/control/index.ts';
import { changeTopology } from '../../../src/handoff/index.ts';
import { seeded } from '../../../src/load/seeded.ts';
import { Registry, type Store } from '../../../src/registry/index.ts';
import { newLog } from '../../../src/runtime/log.ts';
import { ClusterTable, type SharedCluster, type TopologyDraft } from '../../../src/topology/index.ts';
import { placeOf as ownerOf } from '../keyway/owners.ts';
import { onSimulatedMachines } from '../machine/globals.ts';
import { Network } from '../machine/network.ts';
import { SimulatedProcess } from '../machine/process.ts';
import { Scheduler } from '../machine/scheduler.ts';
import { SimulatedStore } from '../store/simulated-store.ts';
import { StoreClient } from '../store/store-client.ts';
import { StoreServer } from '../store/store-server.ts';
import { counted, newTraffic, type Traffic } from './counting-store.ts';

/** How large an installation is. */
export interface Size {
  readonly routers: number;
  /** Of each cluster. */
  readonly shards: number;
  readonly clusters: number;
  /** In about how many waves the change goes. */
  readonly waves: number;
}

/** What one planned change of one cluster costs the registry. */
export interface Cost extends Size, Traffic {
  /** From its command until it is committed, and until the last router routes by it. */
  readonly committedMs: number;
  /** The versions that it took: one for each wave. */
  readonly versions: number;
  readonly routedMs: number;
  /** Without any change, a second. */
  readonly restingOperations: number;
}

const LEASE_MS = 10_000;
const SETTLE_MS = 60_000;
const REST_MS = 20_000;
const LONGEST_MS = 600_000;
const SHARD_PORT = 9000;
/** Each router has as many watches, each of a key of its own. */
const WATCHES = 200;
/** About as many of them move by the change: one of ten shards gets twice its weight. */
const MOVED_SHARE = 1 / 11;
const LOG = newLog('silent');

/** Counts what a change costs. To be called where no promise's reaction is under way. */
export function costOf(size: Size): Cost {
  let cost: Cost | null = null;
  onSimulatedMachines(() => {
    cost = new Installation(size).costOfChange();
  });
  return cost as unknown as Cost;
}

/** A registry, routers that follow all clusters, and a command. Requests play no part: what they cost is elsewhere. */
class Installation {
  readonly #size: Size;
  readonly #scheduler = new Scheduler();
  readonly #network = new Network(this.#scheduler, seeded(0));
  readonly #server: StoreServer;
  readonly #traffic = newTraffic();
  #processes = 0;
  /** Of the cluster that changes, how many routers route by each version. */
  readonly #routed = new Map<number, number>();

  constructor(size: Size) {
    this.#size = size;
    const store = new SimulatedStore(() => this.#scheduler.nowMs);
    this.#server = new StoreServer(this.#process('store'), store, this.#network);
  }

  costOfChange(): Cost {
    const { routers, clusters } = this.#size;
    const command = this.#process('command');
    let registry = this.#registryOf(command, new StoreClient(command, () => this.#server));
    this.#carryOut(command, async () => {
      for (let i = 0; i < clusters; i++) await registry.topologies.commit(this.#draft(i, 1));
    });
    for (let i = 0; i < routers; i++) {
      const process = this.#process(`r${i}`);
      process.after(i * (LEASE_MS / 3 / routers), () => this.#startRouter(process));
    }
    this.#goOn(SETTLE_MS, () => this.#routed.get(1) === routers);
    this.#goOn(REST_MS);
    const atRest = this.#count(() => this.#goOn(REST_MS)).operations / (REST_MS / 1000);
    registry = this.#registryOf(command, counted(new StoreClient(command, () => this.#server), this.#traffic));
    const sinceMs = this.#scheduler.nowMs;
    let committedMs = 0;
    let last = 0;
    const cost = this.#count(() => {
      this.#carryOut(command, async () => {
        const options = { expected: 1, reason: 'scale', candidate: 'command', clock: command.clock } as const;
        const change = changeTopology(registry, this.#draft(0, 2), options as Parameters<typeof changeTopology>[2]);
        last = (await change).version;
      });
      committedMs = this.#scheduler.nowMs - sinceMs;
      this.#goOn(LONGEST_MS, () => this.#routed.get(last) === routers);
    });
    const routedMs = this.#scheduler.nowMs - sinceMs;
    return {
      ...this.#size,
      ...cost,
      versions: this.#routed.size - 1,
      committedMs,
      routedMs,
      restingOperations: atRest,
    };
  }

  #process(name: string): SimulatedProcess {
    const machine = { name, clock: { rate: 1, offsetMs: 0 }, processes: new Map() };
    this.#processes++;
    return new SimulatedProcess(this.#scheduler, name, machine, 1, seeded(this.#processes), (error) => {
      throw error;
    });
  }

  #registryOf(process: SimulatedProcess, store: Store): Registry {
    return new Registry(store, { clock: process.clock, timeOfDay: () => '', random: process.random });
  }

  /** What happens meanwhile, but for what would happen anyway. */
  #count(work: () => void): Traffic {
    const before = { ...this.#traffic };
    work();
    const { operations, writes, messages, bytes } = this.#traffic;
    return {
      operations: operations - before.operations,
      writes: writes - before.writes,
      messages: messages - before.messages,
      bytes: bytes - before.bytes,
    };
  }

  #goOn(forMs: number, isDone: () => boolean = () => false): void {
    const { nowMs } = this.#scheduler;
    while (this.#scheduler.nowMs < nowMs + forMs && !isDone()) this.#scheduler.step();
  }

  #carryOut(process: SimulatedProcess, work: () => Promise<void>): void {
    let isDone = false;
    process.enter(() => {
      work().then(
        () => {
          isDone = true;
        },
        (error: unknown) => {
          throw error;
        },
      );
    });
    this.#goOn(LONGEST_MS, () => isDone);
  }

  #draft(cluster: number, weight: number): TopologyDraft {
    const { shards, routers, waves } = this.#size;
    const streams = Math.ceil((routers * WATCHES * MOVED_SHARE) / waves);
    return {
      namespace: 'default',
      name: `c${cluster}`,
      version: null,
      placement: { name: 'fixedRing', options: { entriesPerWeight: 8 } },
      hashOn: 'id',
      shards: Array.from({ length: shards }, (_, i) => ({
        id: `s${i}`,
        address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:${SHARD_PORT}`,
        weight: i === 0 ? weight : 1,
      })),
      ...(waves === 1 ? {} : { waves: { streams, pauseMs: 0 } }),
    };
  }

  #startRouter(process: SimulatedProcess): void {
    const names = Array.from({ length: this.#size.clusters }, (_, i) => `c${i}: {fromRegistry: {namespace: default}}`);
    const config = parseConfig(
      `listen: [{address: 127.0.0.1:1}]
registry: {remote: {address: 127.0.0.1:1}, lease: ${LEASE_MS}ms}
clusters: {${names.join(', ')}}
routes: [{cluster: c0, match: {prefix: /}}]
`,
      'the simulation',
    );
    const store = counted(new StoreClient(process, () => this.#server), this.#traffic);
    const clusters = new RoutedClusters(config, LOG, process.clock, (birth, onEvent) =>
      this.#control(process, store, birth, onEvent),
    );
    let moving = 0;
    const threads: RoutingThreads = {
      publish: async (cluster, table, staged) => {
        if (cluster !== 'c0' || table?.version == null) return;
        this.#onRouted(process, table.version);
        moving = staged === null || this.#size.waves === 1 ? 0 : movedBetween(process.name, table, staged.table);
      },
      settled: async () => true,
      moving: async () => moving,
      isQuiet: async () => true,
      emptied: async () => true,
      gone: async () => true,
    };
    void clusters.follow().then(() => clusters.publishTo(threads));
  }

  readonly #versions = new Map<SimulatedProcess, number>();

  #onRouted(process: SimulatedProcess, version: number): void {
    if (this.#versions.get(process) === version) return;
    this.#versions.set(process, version);
    this.#routed.set(version, (this.#routed.get(version) ?? 0) + 1);
  }

  #control(
    process: SimulatedProcess,
    store: Store,
    birth: ControlBirth,
    onEvent: (event: ControlEvent) => void,
  ): Control {
    const kept = { keep: () => {}, read: () => null };
    const registry = this.#registryOf(process, store);
    const toRouter = process.inOrder(() => 0.1, onEvent);
    const surroundings = { registry, kept, clock: process.clock, onEvent: toRouter };
    const plane = new ControlPlane({ ...birth, router: process.name }, surroundings);
    return {
      serving: (value) => void plane.serving(value),
      follow: (cluster, value) => void plane.follow(cluster, value),
      leave: (cluster, value) => void plane.leave(cluster, value),
      carriedOut: (cluster, id) => plane.carriedOut(cluster, id),
      vitals: () => Promise.reject(new Error('the simulation has none')),
      stop: () => plane.stop(),
    };
  }
}

/** How many of a router's watches move. */
function movedBetween(router: string, ...tables: readonly [SharedCluster, SharedCluster]): number {
  const [before, after] = tables.map((shared) => new ClusterTable(shared)) as [ClusterTable, ClusterTable];
  let moved = 0;
  for (let i = 0; i < WATCHES; i++) {
    const [from, to] = [ownerOf(before, `${router}/k${i}`), ownerOf(after, `${router}/k${i}`)];
    if (from?.id !== to?.id) moved++;
  }
  return moved;
}
