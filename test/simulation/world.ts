import { entriesOf } from '../../src/housekeeping/entries.ts';
import { seeded } from '../../src/load/seeded.ts';
import { type FencingToken, revisionOf, type Store } from '../../src/registry/index.ts';
import { Judge } from './judge/judge.ts';
import { Truth } from './judge/truth.ts';
import { SharedDocuments } from './keyway/documents.ts';
import { SharedMaintenance } from './keyway/housekeeping.ts';
import type { Sending, ShardAnswer, SimulatedRequest } from './keyway/request.ts';
import { RouterDisk, type RouterWorld, SimulatedRouter } from './keyway/router.ts';
import { addressOf, NAME, refuses } from './keyway/setting.ts';
import { FencingShard, PlainShard, type Serve, type ShardWorld, type SimulatedShard } from './keyway/shard.ts';
import { Network } from './machine/network.ts';
import { type Machine, type MachineClock, SimulatedProcess } from './machine/process.ts';
import { Scheduler } from './machine/scheduler.ts';
import type { Plan } from './plan.ts';
import type { Planted } from './planted/planted.ts';
import { SimulatedStore } from './store/simulated-store.ts';
import { StoreClient } from './store/store-client.ts';
import { StoreServer } from './store/store-server.ts';

/** By how much machines' clocks run faster or slower than the world's, at most. */
const DRIFT = 0.01;

/** A line of the story of a run. */
export interface StoryLine {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  /** The key, if it is about one key alone. */
  readonly key: string | null;
}

/** All machines of a run, what runs on them, and what is between them. */
export class World implements RouterWorld, ShardWorld {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly network: Network;
  readonly truth = new Truth();
  readonly judge: Judge;
  readonly documents = new SharedDocuments();
  readonly maintenance: SharedMaintenance | null;
  readonly store: SimulatedStore;
  server: StoreServer;
  /** By place; null: none runs there. A place has the router's name, or, where a second one has the same name, a name of its own. */
  readonly routers = new Map<string, SimulatedRouter | null>();
  /** By address. */
  readonly shards = new Map<string, SimulatedShard>();
  /** What was planted in the product; null: nothing. */
  readonly planted: Planted | null;
  /** Called when a shard has decided to write, before it does. */
  onWriting: (shard: SimulatedShard) => void = () => {};
  readonly #disks = new Map<string, RouterDisk>();
  readonly #machines = new Map<string, Machine>();
  readonly #runs = new Map<string, number>();
  readonly #inFlight = new Map<SimulatedShard, Map<Sending, SimulatedRouter>>();
  readonly #onLine: ((line: StoryLine) => void) | null;

  constructor(plan: Plan, planted: Planted | null, onLine: ((line: StoryLine) => void) | null) {
    this.plan = plan;
    this.planted = planted;
    this.#onLine = onLine;
    this.network = new Network(this.scheduler, this.randomOf('network'));
    this.judge = new Judge(this.truth, () => this.scheduler.nowMs);
    this.truth.onUnguarded = (isGone) => this.judge.onUnguarded(isGone);
    this.truth.onFailover = (isUnderWay) => this.judge.onFailover(isUnderWay);
    this.truth.onForgotten = () => this.judge.onForgotten();
    this.truth.onStrictVersion = () => this.judge.onStrictVersion(this.shards.values());
    this.truth.onNews = (what) => this.log('store', what);
    const { clock } = this.#machine('store');
    this.store = new SimulatedStore(() => clock.offsetMs + this.scheduler.nowMs * clock.rate);
    this.store.onChange = (key, entry) => {
      this.scheduler.note(`store ${key} ${entry?.revision ?? 'gone'}`);
      this.truth.onChange(key, entry);
    };
    this.store.onRevision = () => this.truth.settle();
    this.maintenance = plan.hasHousekeeping
      ? new SharedMaintenance((...written) => this.#onMaintenance(...written))
      : null;
    this.server = this.startServer();
    this.planted?.world?.(this);
  }

  // ---- machines --------------------------------------------------------------------------------------------------------

  randomOf(purpose: string): () => number {
    let mixed = this.plan.seed | 0;
    for (const character of purpose) mixed = (Math.imul(mixed, 31) + character.charCodeAt(0)) | 0;
    return seeded(mixed >>> 0);
  }

  #machine(name: string): Machine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = { name, clock: this.#clockOf(name), processes: new Map() };
      this.#machines.set(name, machine);
    }
    return machine;
  }

  #clockOf(machine: string): MachineClock {
    const random = this.randomOf(`clock of ${machine}`);
    return { rate: 1 + DRIFT * (2 * random() - 1), offsetMs: 1e6 * random() };
  }

  /** Starts a process on a machine. @param name the machine's, unless several processes on it have to be distinguished */
  newProcess(machine: string, name = machine): SimulatedProcess {
    const run = (this.#runs.get(machine) ?? 0) + 1;
    this.#runs.set(machine, run);
    const random = this.randomOf(`${machine}, run ${run}`);
    const onFault = (error: unknown): void => this.onProcessFault(name, error);
    const process = new SimulatedProcess(this.scheduler, name, this.#machine(machine), run, random, onFault);
    this.planted?.process?.(process);
    return process;
  }

  storeOf(process: SimulatedProcess): Store {
    const client = new StoreClient(process, () => this.server);
    return this.planted?.store?.(client, process) ?? client;
  }

  startServer(): StoreServer {
    this.server = new StoreServer(this.newProcess('store'), this.store, this.network);
    return this.server;
  }

  /** @param place where another router of that name runs, too; then it has a disk of its own */
  startRouter(name: string, place = name): void {
    const process = this.newProcess(name);
    const disk = this.#disks.get(place) ?? new RouterDisk();
    this.#disks.set(place, disk);
    process.enter(() => {
      const router = new SimulatedRouter(
        process,
        this.storeOf(process),
        disk,
        this,
        this.planted?.routerClocks?.(process.clock),
      );
      this.planted?.router?.(router);
      this.routers.set(place, router);
    });
  }

  startShard(id: string, place = 0): void {
    const address = addressOf(id, place);
    const process = this.newProcess(id, place === 0 ? id : `${id}@${place}`);
    process.enter(() => {
      const identity = { id, address };
      const parts = { clock: this.planted?.shardClock?.(process.clock), task: this.planted?.task };
      const shard = refuses(id, this.plan.shards)
        ? new FencingShard(process, identity, this.storeOf(process), this.documents, this, parts)
        : new PlainShard(process, identity, this.documents, this);
      this.planted?.shard?.(shard, this);
      this.shards.set(address, shard);
    });
  }

  killShard(shard: SimulatedShard): void {
    shard.process.kill();
    this.judge.onKilled(shard);
    this.shards.delete(shard.address);
    for (const [sending, router] of this.#inFlight.get(shard) ?? [])
      router.process.after(this.network.delayMs(), () => sending.request.onLost(sending, true));
    this.#inFlight.delete(shard);
  }

  killRouter(place: string): void {
    const router = this.routers.get(place);
    if (router == null) return;
    router.process.kill();
    if (place === router.process.name) this.routers.set(place, null);
    else this.routers.delete(place);
    for (const [shard, sendings] of this.#inFlight)
      for (const [sending, of] of sendings) if (of === router) this.#notifyLetGo(router, shard, sending);
  }

  // ---- between routers and shards --------------------------------------------------------------------------------------

  toShard(router: SimulatedRouter, sending: Sending): void {
    this.judge.onSend(router, sending, refuses(sending.to.id, this.plan.shards));
    const { key, id } = sending.request.operation;
    this.scheduler.note(`${router.process.name} sends ${id} ${key} to ${sending.to.id} by ${sending.version}`);
    const shard = this.shards.get(sending.to.address);
    if (shard === undefined) {
      router.process.after(this.network.delayMs(), () => sending.request.onLost(sending, false));
      return;
    }
    const sendings = this.#inFlight.get(shard) ?? new Map<Sending, SimulatedRouter>();
    this.#inFlight.set(shard, sendings);
    const { process } = shard;
    const answer = (said: ShardAnswer): void => {
      if (sending.request.operation.kind !== 'watch' || said.kind !== 'done') sendings.delete(sending);
      const lost = (): void => sending.request.onLost(sending, true);
      this.network.send(process, router.process, () => this.#onAnswer(router, sending, said));
      if (this.network.faultOf(process.name, router.process.name)?.kind === 'lossy')
        router.process.after(this.network.delayMs(), lost);
    };
    const deliver = (): void => {
      sendings.set(sending, router);
      shard.receive(sending, answer);
    };
    this.network.send(router.process, process, deliver, () => sending.request.onLost(sending, true));
  }

  #onAnswer(router: SimulatedRouter, sending: Sending, said: ShardAnswer): void {
    const { request } = sending;
    const isKept = request.isOpen && request.sending === sending && request.maySendAgain;
    request.onAnswer(sending, said);
    if (said.kind === 'stale' && isKept && !request.isOpen && router.owners.version !== null)
      this.judge.onRefusedInVain(router.process.name, request.operation);
  }

  onLetGo(router: SimulatedRouter, sending: Sending): void {
    const shard = this.shards.get(sending.to.address);
    if (shard !== undefined) this.#notifyLetGo(router, shard, sending);
  }

  #notifyLetGo(router: SimulatedRouter, shard: SimulatedShard, sending: Sending): void {
    this.network.send(router.process, shard.process, () => {
      this.#inFlight.get(shard)?.delete(sending);
      shard.forget(sending);
    });
  }

  // ---- what happens ----------------------------------------------------------------------------------------------------

  log(who: string, what: string, key: string | null = null): void {
    this.scheduler.note(`${who}: ${what}`);
    this.#onLine?.({ atMs: this.scheduler.nowMs, who, what, key });
  }

  onMovedAway(router: SimulatedRouter, request: SimulatedRequest): void {
    this.judge.onMovedAway(router, request.operation, router.moves(request));
  }

  onEvent(router: SimulatedRouter, event: Parameters<RouterWorld['onEvent']>[1]): void {
    const who = router.process.name;
    if (event.kind === 'serves') this.log(who, event.serves ? 'serves' : 'serves no more: its lease is over');
    else if (event.kind === 'controls' && event.leads) this.log(who, 'drives handoffs');
    else if (event.kind === 'failover') this.log(who, `takes ${event.shards.join(', ')} for lost: ${event.done}`);
    else if (event.kind === 'warning') this.log(who, event.message);
    else if (event.kind === 'routing') {
      const { table, staged } = event;
      const beside = staged === null ? '' : `, beside it ${staged.to} (${staged.step}, attempt ${staged.attempt})`;
      this.log(who, `learns version ${table?.version ?? 'none'}${beside}`);
    }
  }

  onFault(at: SimulatedRouter | SimulatedProcess, error: unknown): void {
    this.onProcessFault(at instanceof SimulatedProcess ? at.name : at.process.name, error);
  }

  onProcessFault(machine: string, error: unknown): void {
    this.judge.violated('no process ends', `${machine} ends: ${(error as Error)?.stack ?? String(error)}`);
  }

  onServe(serve: Serve): void {
    const { key, shard, version, sending } = serve;
    const { kind, id } = sending.request.operation;
    this.scheduler.note(`${shard.process.name} serves ${id} ${key} by ${version}`);
    if (this.#onLine !== null) {
      const router = sending.request.router.process.name;
      this.#onLine({
        atMs: this.scheduler.nowMs,
        who: shard.process.name,
        what: `serves a ${kind} of ${key} for ${router} by version ${version}`,
        key,
      });
    }
    this.judge.onServe(serve);
  }

  onServed(serve: Serve): void {
    this.judge.onServed(serve);
  }

  onWritten(serve: Serve): void {
    this.judge.onWritten(serve);
  }

  /** The node that has claimed a unit holds it until another one claims it. The revision of the claim is in the token. */
  #onMaintenance(unit: string, node: string, token: number): void {
    this.scheduler.note(`${node} writes for ${unit} by ${token}`);
    const claim = this.store.entry(`document/${entriesOf(NAME).claims}${unit}`);
    const isKnown = this.truth.isSettled;
    this.judge.onMaintenance(unit, node, token, !isKnown || claim?.revision === revisionOf(token as FencingToken));
  }

  onOverwritten(serve: Serve): void {
    this.judge.onOverwritten(serve);
  }
}
