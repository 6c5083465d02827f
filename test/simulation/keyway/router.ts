import { RoutedClusters } from '../../../src/app/routed-clusters.ts';
import type { RoutingThreads } from '../../../src/app/routed-config.ts';
import { parseConfig } from '../../../src/config/index.ts';
import { type Control, type ControlBirth, type ControlEvent, ControlPlane } from '../../../src/control/index.ts';
import type { KeptTopology, TopologyKeeper } from '../../../src/handoff/index.ts';
import type { CoreContext } from '../../../src/proxy/core/context.ts';
import { Drainer, type Leaver } from '../../../src/proxy/core/drain/drainer.ts';
import { Gate } from '../../../src/proxy/core/gate/gate.ts';
import type { ServesUntil } from '../../../src/proxy/index.ts';
import { Registry, type Store } from '../../../src/registry/index.ts';
import { newLog } from '../../../src/runtime/log.ts';
import type { SharedCluster, StagedCluster, TopologyName } from '../../../src/topology/index.ts';
import { routerContext } from '../../support/router-context.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import { SimulatedOwners } from './owners.ts';
import { type Answer, type Operation, type Sending, SimulatedRequest } from './request.ts';
import { NAME, ROUTER_LEASE_MS } from './setting.ts';

const LOG = newLog('silent');
const DRAIN = {
  windowMs: 100,
  ratePerSecond: 10_000,
  graceMs: 500,
  longLivedAfterMs: 10_000,
  slowAfterMs: 100,
  pushbackMs: 20,
};
const HOLD = { requests: 1000, bytes: 2 ** 20, waitMs: 15_000 };

const CONFIG = parseConfig(
  `listen: [{address: 127.0.0.1:1}]
registry: {remote: {address: 127.0.0.1:1}, lease: ${ROUTER_LEASE_MS}ms}
clusters: {docs: {fromRegistry: {namespace: default}}}
routes: [{cluster: docs, match: {prefix: /}}]
`,
  'the simulation',
);

/** What a router's machine keeps while no router runs there. */
export class RouterDisk implements TopologyKeeper {
  readonly #kept = new Map<string, string>();

  keep(kept: KeptTopology): void {
    const { namespace, name } = kept.topology;
    this.#kept.set(`${namespace}/${name}`, JSON.stringify(kept));
  }

  read({ namespace, cluster }: TopologyName): KeptTopology | null {
    const text = this.#kept.get(`${namespace}/${cluster}`);
    return text === undefined ? null : (JSON.parse(text, orForEver) as KeptTopology);
  }
}

/** JSON has no infinity. */
function orForEver(key: string, value: unknown): unknown {
  return key === 'beyondLeaseMs' && value === null ? Number.POSITIVE_INFINITY : value;
}

/** What a router reports to the world, and asks of it. */
export interface RouterWorld {
  /** Sends a request to where a shard is said to be. */
  toShard(router: SimulatedRouter, sending: Sending): void;
  /** A router no longer waits for an answer. */
  onLetGo(router: SimulatedRouter, sending: Sending): void;
  onMovedAway(router: SimulatedRouter, request: SimulatedRequest): void;
  onEvent(router: SimulatedRouter, event: ControlEvent): void;
  onFault(router: SimulatedRouter, error: unknown): void;
}

/** By which a router's leases are counted, and its control plane's other times: its machine's, but for faults that are planted. */
export interface RouterClocks {
  readonly lease: () => number;
  readonly control: () => number;
}

/** A router: the product's control plane, what joins it with the threads, and one thread's gate with requests of the simulation. */
export class SimulatedRouter implements RoutingThreads {
  readonly process: SimulatedProcess;
  readonly gate: Gate;
  readonly context: CoreContext;
  readonly clusters: RoutedClusters;
  owners = new SimulatedOwners(NAME.cluster, null);
  readonly servesUntil: ServesUntil;
  readonly #world: RouterWorld;
  readonly #clocks: RouterClocks;
  readonly #drainer: Drainer;
  readonly #open = new Set<SimulatedRequest>();
  /** It takes nothing any more. */
  isLeaving = false;
  #staged: SimulatedOwners | null = null;

  /** To be called by the process itself. */
  constructor(
    process: SimulatedProcess,
    store: Store,
    disk: RouterDisk,
    world: RouterWorld,
    clocks: RouterClocks = { lease: process.clock, control: process.clock },
  ) {
    this.process = process;
    this.#clocks = clocks;
    this.#world = world;
    this.context = routerContext(process.clock, { drain: DRAIN, hold: HOLD, random: process.random });
    this.#drainer = new Drainer(this.context);
    this.clusters = new RoutedClusters(CONFIG, LOG, process.clock, (birth, onEvent, onFault) =>
      this.#control(birth, store, disk, onEvent, onFault),
    );
    const routed = this.clusters.routed()[0];
    this.servesUntil = routed?.servesUntil as ServesUntil;
    this.gate = new Gate(this.context, NAME.cluster, this.servesUntil, {
      owners: () => this.owners,
      visitOpen: async (visit) => {
        for (const request of [...this.#open]) visit(request);
      },
      drain: (moved, sinceMs) => this.#drainer.add(moved, sinceMs),
      end: (moved) => this.#drainer.endNow(moved),
      cut: () => this.cut(),
    });
    const begun = this.clusters.follow().then(() => this.clusters.publishTo(this));
    begun.catch((error: unknown) => world.onFault(this, error));
  }

  get nowMs(): number {
    return this.context.turn.nowMs;
  }

  /** The control plane has a thread of its own: what the two tell one another is on its way for a while, in order. */
  #control(
    birth: ControlBirth,
    store: Store,
    kept: RouterDisk,
    onEvent: (event: ControlEvent) => void,
    onFault: (error: Error) => void,
  ): Control {
    const toRouter = this.#channel<ControlEvent>((event) => {
      this.#world.onEvent(this, event);
      onEvent(event);
    });
    const registry = new Registry(store, { clock: this.#clocks.lease, timeOfDay: () => '', random: Math.random });
    const surroundings = { registry, kept, clock: this.#clocks.control, onEvent: toRouter };
    const plane = new ControlPlane({ ...birth, router: this.process.name }, surroundings);
    const toPlane = this.#channel<() => void | Promise<void>>((ask) => {
      Promise.resolve(ask()).catch(onFault);
    });
    return {
      serving: (value) => toPlane(() => plane.serving(value)),
      follow: (cluster, value) => toPlane(() => plane.follow(cluster, value)),
      leave: (cluster, value) => toPlane(() => plane.leave(cluster, value)),
      carriedOut: (cluster, id) => toPlane(() => plane.carriedOut(cluster, id)),
      vitals: () => Promise.reject(new Error('the simulation has none')),
      stop: () => plane.stop(),
    };
  }

  #channel<Message>(deliver: (message: Message) => void): (message: Message) => void {
    const { process } = this;
    return process.inOrder(() => (process.random() < 0.02 ? 20 : 0.3) * process.random(), deliver);
  }

  // ---- what the control plane has its thread do, as the product's own `Router` does --------------------------------

  async publish(_cluster: string, table: SharedCluster | null, staged: StagedCluster | null): Promise<void> {
    this.gate.lookAtLease();
    if ((table?.build ?? 0) !== this.owners.build) this.#changeOver(table);
    this.#staged = staged === null ? null : new SimulatedOwners(NAME.cluster, staged.table);
    this.gate.changed(staged, this.#staged);
  }

  #changeOver(table: SharedCluster | null): void {
    const owners = new SimulatedOwners(NAME.cluster, table);
    this.owners = owners;
    if (this.gate.hasHandedOverTo(owners.build)) return;
    const moved: Leaver[] = [];
    for (const request of [...this.#open]) {
      const hasToLeave = (): boolean =>
        this.owners === owners && !this.gate.holds(request) && request.hasMovedIn(owners);
      if (!request.isOpen || !hasToLeave()) continue;
      if (request.isSent)
        moved.push({
          request,
          key: request.keyText,
          reason: 'the key has moved',
          isWatch: request.isWatch,
          hasToLeave,
        });
      else request.proceed();
    }
    this.#drainer.add(moved);
  }

  settled(_cluster: string, attempt: number, step: string): Promise<boolean> {
    return this.gate.settled(attempt, step);
  }

  async moving(): Promise<number> {
    return this.gate.movingWatches;
  }

  async isQuiet(): Promise<boolean> {
    return this.gate.isQuiet;
  }

  async emptied(): Promise<boolean> {
    return true;
  }

  async gone(): Promise<boolean> {
    return true;
  }

  /** The lease is over: nothing that was sent by it is waited for. */
  cut(): void {
    for (const request of [...this.#open]) if (request.isSent) request.fail('the lease is lost');
  }

  // ---- requests ----------------------------------------------------------------------------------------------------

  /** A request comes from a client. */
  receive(operation: Operation, onAnswer: (answer: Answer) => void): SimulatedRequest {
    this.beginTurn();
    const request = new SimulatedRequest(this, operation, onAnswer);
    this.#open.add(request);
    request.begin();
    return request;
  }

  /** Before anything that was read is looked at. */
  beginTurn(): void {
    this.context.turn.begin();
  }

  readmits(request: SimulatedRequest): boolean {
    return this.gate.readmits(request);
  }

  send(sending: Sending): void {
    this.#world.toShard(this, sending);
  }

  letGo(sending: Sending): void {
    this.#world.onLetGo(this, sending);
  }

  /** A request leaves because its key moves, by what this router says. */
  onMovedAway(request: SimulatedRequest): void {
    this.#world.onMovedAway(this, request);
  }

  /** Whether a key has another owner by what this router knows, staged or current, than a request had. */
  moves(request: SimulatedRequest): boolean {
    return request.hasMovedIn(this.owners) || (this.#staged !== null && request.hasMovedIn(this.#staged));
  }

  onOver(request: SimulatedRequest): void {
    this.#open.delete(request);
  }

  get open(): ReadonlySet<SimulatedRequest> {
    return this.#open;
  }

  /** SIGTERM. */
  async leave(): Promise<void> {
    this.isLeaving = true;
    for (const request of [...this.#open]) if (request.isWatch) request.fail('the router goes away');
    while (this.#open.size > 0) await new Promise<void>((resolve) => setTimeout(resolve, 10));
    await this.clusters.stop();
    this.gate.stop();
  }
}
