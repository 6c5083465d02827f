import { seeded } from '../../src/load/seeded.ts';
import type { Store } from '../../src/registry/index.ts';
import { Judge } from './judge/judge.ts';
import { Truth } from './judge/truth.ts';
import { SharedDocuments } from './keyway/documents.ts';
import type { Sending, ShardAnswer, SimulatedRequest } from './keyway/request.ts';
import { RouterDisk, type RouterWorld, SimulatedRouter } from './keyway/router.ts';
import { addressOf } from './keyway/setting.ts';
import { FencingShard, PlainShard, type Serve, type ShardWorld, type SimulatedShard } from './keyway/shard.ts';
import { Network } from './machine/network.ts';
import { type MachineClock, SimulatedProcess } from './machine/process.ts';
import { Scheduler } from './machine/scheduler.ts';
import type { Plan } from './plan.ts';
import type { Planted } from './planted.ts';
import { SimulatedStore } from './store/simulated-store.ts';
import { StoreClient } from './store/store-client.ts';
import { StoreServer } from './store/store-server.ts';

/** By how much machines' clocks run faster or slower than the world's, at most. */
const DRIFT = 0.01;

/** Something worth telling in a story. */
export interface Told {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  /** Where it is about one key alone. */
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
  readonly store: SimulatedStore;
  server: StoreServer;
  /** By name; null: none runs there. */
  readonly routers = new Map<string, SimulatedRouter | null>();
  /** By address. */
  readonly shards = new Map<string, SimulatedShard>();
  /** What was planted in the product; null: nothing. */
  readonly planted: Planted | null;
  readonly #disks = new Map<string, RouterDisk>();
  readonly #clocks = new Map<string, MachineClock>();
  readonly #runs = new Map<string, number>();
  readonly #inFlight = new Map<SimulatedShard, Map<Sending, SimulatedRouter>>();
  readonly #tell: ((told: Told) => void) | null;

  constructor(plan: Plan, planted: Planted | null, tell: ((told: Told) => void) | null) {
    this.plan = plan;
    this.planted = planted;
    this.#tell = tell;
    this.network = new Network(this.scheduler, this.randomOf('network'));
    this.judge = new Judge(this.truth, () => this.scheduler.nowMs);
    this.truth.onNews = (what) => this.tell('store', what);
    const clock = this.clockOf('store');
    this.store = new SimulatedStore(() => clock.offsetMs + this.scheduler.nowMs * clock.rate);
    this.store.onChange = (key, entry) => {
      this.scheduler.note(`store ${key} ${entry?.revision ?? 'gone'}`);
      this.truth.onChange(key, entry);
    };
    this.store.onRevision = () => this.truth.settle();
    this.server = this.startServer();
    this.planted?.world?.(this);
  }

  // ---- machines --------------------------------------------------------------------------------------------------------

  randomOf(purpose: string): () => number {
    let mixed = this.plan.seed | 0;
    for (const character of purpose) mixed = (Math.imul(mixed, 31) + character.charCodeAt(0)) | 0;
    return seeded(mixed >>> 0);
  }

  clockOf(machine: string): MachineClock {
    let clock = this.#clocks.get(machine);
    if (clock === undefined) {
      const random = this.randomOf(`clock of ${machine}`);
      clock = { rate: 1 + DRIFT * (2 * random() - 1), offsetMs: 1e6 * random() };
      this.#clocks.set(machine, clock);
    }
    return clock;
  }

  /** Starts a process on a machine; the one before it there is over. */
  newProcess(machine: string): SimulatedProcess {
    const run = (this.#runs.get(machine) ?? 0) + 1;
    this.#runs.set(machine, run);
    const random = this.randomOf(`${machine}, run ${run}`);
    const onFault = (error: unknown): void => this.onProcessFault(machine, error);
    const process = new SimulatedProcess(this.scheduler, machine, this.clockOf(machine), random, onFault);
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

  startRouter(name: string): void {
    const process = this.newProcess(name);
    const disk = this.#disks.get(name) ?? new RouterDisk();
    this.#disks.set(name, disk);
    process.enter(() => {
      const router = new SimulatedRouter(
        process,
        this.storeOf(process),
        disk,
        this,
        this.planted?.routerClocks?.(process.clock),
      );
      this.planted?.router?.(router);
      this.routers.set(name, router);
    });
  }

  startShard(id: string, place = 0): void {
    const address = addressOf(id, place);
    const process = this.newProcess(place === 0 ? id : `${id}@${place}`);
    process.enter(() => {
      const identity = { id, address };
      const shard =
        this.plan.shards === 'plain'
          ? new PlainShard(process, identity, this.documents, this)
          : new FencingShard(
              process,
              identity,
              this.storeOf(process),
              this.documents,
              this,
              this.planted?.shardClock?.(process.clock),
            );
      this.planted?.shard?.(shard);
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

  killRouter(name: string): void {
    const router = this.routers.get(name);
    if (router == null) return;
    router.process.kill();
    this.routers.set(name, null);
    for (const [shard, sendings] of this.#inFlight)
      for (const [sending, of] of sendings) if (of === router) this.#toForget(router, shard, sending);
  }

  // ---- between routers and shards --------------------------------------------------------------------------------------

  toShard(router: SimulatedRouter, sending: Sending): void {
    this.judge.onSend(router, sending, this.plan.shards === 'fencing');
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
      this.network.send(process, router.process, () => sending.request.onAnswer(sending, said));
      if (this.network.faultOf(process.name, router.process.name)?.kind === 'lossy')
        router.process.after(this.network.delayMs(), lost);
    };
    const deliver = (): void => {
      sendings.set(sending, router);
      shard.receive(sending, answer);
    };
    this.network.send(router.process, process, deliver, () => sending.request.onLost(sending, true));
  }

  onLetGo(router: SimulatedRouter, sending: Sending): void {
    const shard = this.shards.get(sending.to.address);
    if (shard !== undefined) this.#toForget(router, shard, sending);
  }

  #toForget(router: SimulatedRouter, shard: SimulatedShard, sending: Sending): void {
    this.network.send(router.process, shard.process, () => {
      this.#inFlight.get(shard)?.delete(sending);
      shard.forget(sending);
    });
  }

  // ---- what is told ----------------------------------------------------------------------------------------------------

  tell(who: string, what: string, key: string | null = null): void {
    this.scheduler.note(`${who}: ${what}`);
    this.#tell?.({ atMs: this.scheduler.nowMs, who, what, key });
  }

  onLeaves(router: SimulatedRouter, request: SimulatedRequest): void {
    this.judge.onLeaves(router, request.operation, router.moves(request));
  }

  onEvent(router: SimulatedRouter, event: Parameters<RouterWorld['onEvent']>[1]): void {
    const who = router.process.name;
    if (event.kind === 'serves') this.tell(who, event.serves ? 'serves' : 'serves no more: its lease is over');
    else if (event.kind === 'controls' && event.leads) this.tell(who, 'drives handoffs');
    else if (event.kind === 'failover') this.tell(who, `takes ${event.shards.join(', ')} for lost: ${event.done}`);
    else if (event.kind === 'warning') this.tell(who, event.message);
    else if (event.kind === 'routing') {
      const { table, staged } = event;
      const beside = staged === null ? '' : `, beside it ${staged.to} (${staged.step}, attempt ${staged.attempt})`;
      this.tell(who, `is told to route by version ${table?.version ?? 'none'}${beside}`);
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
    if (this.#tell !== null) {
      const router = sending.request.router.process.name;
      this.#tell({
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

  onOverwritten(serve: Serve): void {
    this.judge.onOverwritten(serve);
  }
}
