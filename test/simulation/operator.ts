import { changeTopology, HandoffAborted } from '../../src/handoff/index.ts';
import { Registry, StoreUnavailable, VersionConflict } from '../../src/registry/index.ts';
import type { Topology, TopologyDraft } from '../../src/topology/index.ts';
import { addressOf, FAILOVER_AFTER_MS, KEYS, NAME } from './keyway/setting.ts';
import type { SimulatedProcess } from './machine/process.ts';
import type { PlannedChange } from './plan.ts';
import type { World } from './world.ts';

const SHARDS = ['s0', 's1', 's2', 's3', 's4'];
const FIRST_SHARDS = 3;
/** Whoever changes a topology goes away after so long, and leaves what it has begun to others. */
const PATIENCE_MS = 25_000;

/** People who change the topology, one change after the other. */
export class Operator {
  readonly #world: World;
  #process: SimulatedProcess;
  #onEnded: (() => void) | null = null;
  done = 0;
  attempts = 0;

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
    };
    this.#run((registry) => registry.topologies.commit(draft).then(() => true), onDone);
  }

  /** Makes a change, or gives it up. */
  change(change: PlannedChange, onDone: () => void): void {
    const before = this.#world.truth.commits;
    this.attempts++;
    this.#run(
      async (registry) => {
        const current = await registry.topologies.read(NAME);
        if (current === null) return false;
        const draft = this.#draft(current, change);
        if (draft === null) return false;
        await changeTopology(registry, draft, {
          expected: current.version,
          reason: change.kind,
          candidate: 'operator',
          clock: this.#process.clock,
        });
        return true;
      },
      () => {
        this.done += Math.min(1, this.#world.truth.commits - before);
        onDone();
      },
    );
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
          else this.#world.tell('operator', `gives up: ${error.message}`);
        })
        .then(() => registry.close())
        .then(() => this.kill());
    });
  }

  /** Shards that have no place, and are not about to have one, end. */
  #retire(): void {
    const { truth, shards } = this.#world;
    const placed = new Set(
      [truth.current?.topology, truth.staged].flatMap(
        (topology) => topology?.shards.map(({ address }) => address) ?? [],
      ),
    );
    if (truth.isUnderWay) return;
    for (const shard of [...shards.values()]) {
      if (placed.has(shard.address) || shard.process.isStopped) continue;
      this.#world.tell(shard.process.name, 'ends in order: it has no place any more');
      shard.process.enter(() => {
        shard.leave().then(() => {
          if (this.#world.shards.get(shard.address) === shard) this.#world.killShard(shard);
        });
      });
    }
  }

  #draft(current: Topology, { kind, choice }: PlannedChange): TopologyDraft | null {
    const { shards, pins = [] } = current;
    const draft = { ...current, version: null };
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
        const place = (Number(chosen.address.split('.')[2]) + 1) % 3;
        this.#start(chosen.id, place);
        const address = addressOf(chosen.id, place);
        return { ...draft, shards: shards.map((shard) => (shard === chosen ? { ...shard, address } : shard)) };
      }
    }
  }

  #start(id: string, place: number): void {
    if (!this.#world.shards.has(addressOf(id, place))) this.#world.startShard(id, place);
  }
}
