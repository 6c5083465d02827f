import { type ChangeOptions, changeTopology, HandoffAborted } from '../../src/handoff/index.ts';
import { autonomousRouterName, Registry, StoreUnavailable, VersionConflict } from '../../src/registry/index.ts';
import { isStrict, servingShards, type Topology, type TopologyDraft } from '../../src/topology/index.ts';
import { interrupt } from './interruption.ts';
import { addressOf, FAILOVER_AFTER_MS, KEYS, NAME, placeOf } from './keyway/setting.ts';
import type { SimulatedShard } from './keyway/shard.ts';
import type { SimulatedProcess } from './machine/process.ts';
import type { PlannedChange } from './plan.ts';
import type { World } from './world.ts';

const SHARDS = ['s0', 's1', 's2', 's3', 's4'];
const FIRST_SHARDS = 3;
/** A command that changes a topology ends after this time, and leaves what it has begun to others. */
const PATIENCE_MS = 25_000;
/** What a cluster's `failover.after` may be made; null: lost shards stay. */
const FAILOVERS_MS = [500, FAILOVER_AFTER_MS, 5000, null] as const;
/** For how long it is eventual, before and after a change. */
const EVENTUAL_MS = 1000;
/** For how long a cluster is gone that is deleted, at most. */
const GONE_MS = 3000;

/** People who change the topology, one change after the other. */
export class Operator {
  readonly #world: World;
  #process: SimulatedProcess;
  #onEnded: (() => void) | null = null;
  #changes = 0;
  /** What was current when it was last read. */
  #last: Topology | null = null;
  /** Shards that end in order. */
  readonly #leaving = new WeakSet<SimulatedShard>();

  constructor(world: World) {
    this.#world = world;
    this.#process = world.newProcess('operator');
  }

  /** Makes the first version. */
  begin(onDone: () => void): void {
    for (const id of SHARDS.slice(0, FIRST_SHARDS)) this.#world.startShard(id);
    const draft: TopologyDraft = {
      namespace: NAME.namespace,
      name: NAME.cluster,
      version: null,
      placement: { name: 'fixedRing', options: { entriesPerWeight: 8 } },
      hashOn: 'id',
      shards: SHARDS.slice(0, FIRST_SHARDS).map((id) => ({ id, address: addressOf(id), weight: 1 })),
      failover: { afterMs: FAILOVER_AFTER_MS },
      ...(this.#world.plan.waves ? { waves: { streams: 2, pauseMs: 20 } } : {}),
    };
    this.#run((registry) => registry.topologies.commit(draft).then(() => true), onDone);
  }

  /** Makes a change, or gives it up. */
  change(change: PlannedChange, onDone: () => void): void {
    interrupt(this.#world, change);
    this.#run((registry) => this.#change(registry, change), onDone);
  }

  /** Makes the cluster again where it was deleted, and its maker is gone. */
  restore(onDone: () => void): void {
    this.#run(async (registry) => {
      if ((await registry.topologies.read(NAME)) === null) await this.#create(registry);
      return true;
    }, onDone);
  }

  /** `keyway cluster forget`: has nobody wait for processes that have ended. */
  forgetDead(onDone: () => void): void {
    this.#run(async (registry) => {
      const [{ autonomous, nodes }, routers, members] = await Promise.all([
        registry.handoffs.read(NAME),
        registry.members.list('router'),
        registry.members.list('node'),
      ]);
      for (const router of autonomous)
        if (!routers.some(({ instance }) => instance === router.instance))
          await registry.handoffs.forgetAutonomous(NAME, autonomousRouterName(router));
      for (const node of nodes)
        if (!members.some(({ instance }) => instance === node.instance)) await registry.handoffs.endNode(NAME, node);
      return true;
    }, onDone);
  }

  async #change(registry: Registry, change: PlannedChange): Promise<boolean> {
    const current = await registry.topologies.read(NAME);
    if (current === null) {
      await this.#create(registry);
      return true;
    }
    this.#last = current;
    if (change.kind === 'delete') {
      await registry.topologies.delete(NAME);
      await registry.pause(GONE_MS * change.choice, new AbortController().signal);
      await this.#create(registry);
      return true;
    }
    if (change.kind === 'consistency') {
      if (isStrict(current)) await this.#beEventual(registry, current, change);
      const now = await registry.topologies.read(NAME);
      if (now !== null) await this.#apply(registry, { ...now, consistency: 'strict' }, change.kind);
      return true;
    }
    const draft = this.#draft(current, change);
    if (draft === null) return false;
    await this.#apply(registry, draft, change.kind);
    return true;
  }

  /** @param draft of what was read as the current version, with its number */
  async #apply(registry: Registry, draft: Topology, kind: PlannedChange['kind']): Promise<void> {
    this.#changes++;
    // One that was killed may have begun another, which comes late.
    const reason = `${kind}, the command's change ${this.#changes}`;
    const options = { expected: draft.version, force: kind === 'force', ...this.#options(reason) };
    const { truth, judge } = this.#world;
    try {
      await changeTopology(registry, { ...draft, version: null }, options);
    } catch (error) {
      if (error instanceof VersionConflict && truth.begun.has(reason)) judge.onToldOtherwise(kind, error.message);
      throw error;
    }
  }

  /** For a while each router changes over when it hears of a version, and there is one. */
  async #beEventual(registry: Registry, current: Topology, { kind, choice }: PlannedChange): Promise<void> {
    await this.#apply(registry, { ...current, consistency: 'eventual' }, kind);
    await registry.pause(EVENTUAL_MS * choice, new AbortController().signal);
    const now = await registry.topologies.read(NAME);
    const interrupted = { by: 'nothing', afterMs: 0 } as const;
    const draft = now && this.#draft(now, { kind: choice < 0.5 ? 'weight' : 'move', choice, afterMs: 0, interrupted });
    if (draft !== null) await this.#apply(registry, draft, kind);
    await registry.pause(EVENTUAL_MS * (1 - choice), new AbortController().signal);
  }

  async #create(registry: Registry): Promise<void> {
    if (this.#last === null) return;
    this.startMissingShards([this.#last]);
    const draft = { ...this.#last, version: null };
    await changeTopology(registry, draft, { expected: null, ...this.#options('it is made again') });
  }

  #options(reason: string): Pick<ChangeOptions, 'reason' | 'candidate' | 'clock'> {
    return { reason, candidate: 'operator', clock: this.#process.clock };
  }

  /** The one at work is gone, in the middle of whatever it does. */
  kill(): void {
    this.#process.kill();
    const onEnded = this.#onEnded;
    this.#onEnded = null;
    onEnded?.();
  }

  #run(work: (registry: Registry) => Promise<boolean>, onDone: () => void): void {
    if (this.#process.isOver) this.#process = this.#world.newProcess('operator');
    const process = this.#process;
    const { scheduler } = this.#world;
    this.#onEnded = () => {
      scheduler.at(scheduler.nowMs, () => {
        this.#retire();
        onDone();
      });
    };
    scheduler.at(scheduler.nowMs + PATIENCE_MS, () => {
      if (this.#process === process) this.kill();
    });
    process.enter(() => {
      const clocks = { clock: process.clock, timeOfDay: () => '', random: Math.random };
      const registry = new Registry(this.#world.storeOf(process), clocks);
      work(registry)
        .catch((error: unknown) => {
          const isExpected =
            error instanceof VersionConflict || error instanceof HandoffAborted || error instanceof StoreUnavailable;
          if (!isExpected) this.#world.onProcessFault('operator', error);
          else this.#world.log('operator', `gives up: ${error.message}`);
        })
        .then(() => registry.close())
        .then(() => this.kill());
    });
  }

  /** Shards that have no place, and are not about to have one, end. */
  #retire(): void {
    const { truth, shards } = this.#world;
    const placed = new Set(
      [truth.current?.topology, truth.staged].flatMap((topology) =>
        topology ? servingShards(topology).map(({ address }) => address) : [],
      ),
    );
    if (truth.isUnderWay || truth.current === null) return;
    for (const shard of [...shards.values()]) {
      if (placed.has(shard.address) || shard.process.isStopped) continue;
      if (this.#leaving.has(shard)) continue;
      this.#leaving.add(shard);
      this.#world.log(shard.process.name, 'ends in order: it has no place any more');
      shard.process.enter(() => {
        shard.leave().then(() => {
          if (this.#world.shards.get(shard.address) === shard) this.#world.killShard(shard);
        });
      });
    }
  }

  /** @returns what to make of the current version, or null */
  #draft(current: Topology, { kind, choice }: PlannedChange): Topology | null {
    const { shards, pins = [] } = current;
    const draft = current;
    const chosen = shards[Math.floor(choice * shards.length)];
    if (chosen === undefined) return null;
    const free = SHARDS.filter((id) => !shards.some((shard) => shard.id === id));
    const joins = kind === 'join' || shards.length < 2;
    if (joins && free.length > 0) {
      const id = free[Math.floor(choice * free.length)] as string;
      this.#start(id, 0);
      return { ...draft, shards: [...shards, { id, address: addressOf(id), weight: 1 }] };
    }
    switch (kind) {
      case 'join':
      case 'leave': {
        const left = shards.filter((shard) => shard !== chosen);
        return { ...draft, shards: left, pins: pins.filter(({ shard }) => shard !== chosen.id) };
      }
      case 'failover': {
        const { failover: _last, ...rest } = draft;
        const afterMs = FAILOVERS_MS[Math.floor(choice * FAILOVERS_MS.length)] ?? null;
        return afterMs === null ? rest : { ...rest, failover: { afterMs } };
      }
      case 'consistency':
      case 'delete':
        return null;
      case 'force':
      case 'weight': {
        const weight = 1 + (chosen.weight % 3);
        return { ...draft, shards: shards.map((shard) => (shard === chosen ? { ...shard, weight } : shard)) };
      }
      case 'pin': {
        const key = KEYS[Math.floor(choice * 997) % KEYS.length] as string;
        const others = pins.filter((pin) => !('key' in pin && pin.key === key));
        const isPinned = others.length < pins.length;
        return { ...draft, pins: isPinned ? others : [...pins, { key, shard: chosen.id }] };
      }
      case 'move': {
        const place = (placeOf(chosen.address) + 1) % 3;
        this.#start(chosen.id, place);
        const address = addressOf(chosen.id, place);
        return { ...draft, shards: shards.map((shard) => (shard === chosen ? { ...shard, address } : shard)) };
      }
    }
  }

  /** Starts what has a place and does not run: after a registry was restored, shards have places that were ended. */
  startMissingShards(topologies: ReadonlyArray<Topology | null | undefined>): void {
    for (const topology of topologies)
      for (const { id, address } of topology ? servingShards(topology) : []) this.#start(id, placeOf(address));
  }

  /** One that is about to end is ended at once, so that another can have its address. */
  #start(id: string, place: number): void {
    const there = this.#world.shards.get(addressOf(id, place));
    if (there !== undefined && !this.#leaving.has(there)) return;
    if (there !== undefined) this.#world.killShard(there);
    this.#world.startShard(id, place);
  }
}
