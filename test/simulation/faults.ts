import { servingShards } from '../../src/topology/index.ts';
import type { Clients } from './clients.ts';
import type { SimulatedRouter } from './keyway/router.ts';
import { placeOf } from './keyway/setting.ts';
import type { SimulatedShard } from './keyway/shard.ts';
import { type LinkFault, Network } from './machine/network.ts';
import type { Operator } from './operator.ts';
import type { PlannedFault } from './plan.ts';
import type { Backup } from './store/simulated-store.ts';
import type { World } from './world.ts';

/** How late messages are on a slow link: mostly less than anybody waits for an answer, sometimes more. */
const SLOW_MS = 900;
const VERY_SLOW_MS = 7000;
const VERY_SLOW_SHARE = 0.25;

/** For how long what a shard says that starts comes twice. */
const STARTS_TWICE_MS = 1000;

/** Has faults strike a world, and repairs what they have broken. */
export class Faults {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #operator: Operator;
  /** What is struck at the moment: it is not struck a second time. */
  readonly #struck = new Set<string>();
  readonly #repairs = new Set<() => void>();
  /** Faults that wait for a step of a handoff. */
  #armed: PlannedFault[] = [];
  #backup: Backup | null = null;
  #isOver = false;
  struck = 0;

  constructor(world: World, clients: Clients, operator: Operator) {
    this.#world = world;
    this.#clients = clients;
    this.#operator = operator;
  }

  begin(faults: readonly PlannedFault[]): void {
    const { scheduler, truth } = this.#world;
    const { nowMs } = scheduler;
    truth.onStep = (moment) => {
      const struck = this.#disarm((fault) => fault.moment === 'any' || fault.moment === moment);
      // Before the answer is sent to who has begun the step.
      for (const fault of struck)
        if (fault.kind === 'cut operator from store') this.#strike(fault, this.#strikeOf(fault));
        else this.#strikeAt(scheduler.nowMs + fault.afterMs, fault);
    };
    this.#world.onWriting = (shard) => {
      for (const fault of this.#disarm(({ moment }) => moment === 'write')) this.#strike(fault, this.#stopShard(shard));
    };
    for (const fault of faults)
      scheduler.at(nowMs + fault.atMs, () => {
        if (fault.moment === null) this.#strikeAt(scheduler.nowMs, fault);
        else this.#armed.push(fault);
      });
  }

  #disarm(isStruck: (fault: PlannedFault) => boolean): PlannedFault[] {
    const struck = this.#armed.filter(isStruck);
    if (struck.length > 0) this.#armed = this.#armed.filter((fault) => !isStruck(fault));
    return struck;
  }

  #strikeAt(atMs: number, fault: PlannedFault): void {
    this.#world.scheduler.at(atMs, () => this.#strike(fault, this.#strikeOf(fault)));
  }

  /** Everything is repaired, and nothing breaks any more. */
  end(): void {
    this.#isOver = true;
    for (const repair of [...this.#repairs]) repair();
  }

  #strike(fault: PlannedFault, strike: Strike | null): void {
    if (strike === null || this.#isOver || this.#struck.has(strike.what)) return;
    this.#struck.add(strike.what);
    this.struck++;
    const { judge, scheduler } = this.#world;
    this.#world.log('fault', `${strike.text} for ${Math.round(fault.lastsMs)} ms`);
    const period = judge.faultBegins();
    strike.begin();
    const repair = (): void => {
      if (!this.#repairs.delete(repair)) return;
      this.#struck.delete(strike.what);
      period.endMs = scheduler.nowMs;
      if (strike.repairedText !== '') this.#world.log('fault', strike.repairedText);
      strike.repair();
    };
    this.#repairs.add(repair);
    scheduler.at(scheduler.nowMs + fault.lastsMs, repair);
  }

  #strikeOf(fault: PlannedFault): Strike | null {
    const places = [...this.#world.routers].filter(([place, router]) => place === router?.process.name);
    const router = pick(places, fault.choice)?.[1] ?? null;
    const shard = this.#shardOf(fault);
    switch (fault.kind) {
      case 'kill router':
        return router && this.#killRouter(router);
      case 'twin router':
        return router && this.#twin(router.process.name);
      case 'stop router':
        return router && this.#stop(router.process.name, router.process);
      case 'end router':
        return router && this.#endRouter(router);
      case 'kill shard':
        return shard && this.#killShard(shard, fault);
      case 'stop shard':
        return shard && this.#stopShard(shard);
      case 'kill store':
        return this.#killStore();
      case 'stop store':
        return this.#stop('the store', this.#world.server.process, 'store');
      case 'kill operator':
        return {
          what: 'operator',
          text: 'the operator is killed',
          repairedText: '',
          begin: () => this.#operator.kill(),
          repair: () => {},
        };
      case 'compact store':
        return {
          what: 'compact',
          text: 'the store is compacted',
          repairedText: '',
          begin: () => this.#world.store.compact(),
          repair: () => {},
        };
      case 'restore store':
        return this.#restore(fault);
      case 'cut router from store':
        return router && this.#cut(router.process.name, 'store', true, fault);
      case 'cut operator from store':
        return this.#cut('operator', 'store', true, { ...fault, link: 'reset' });
      case 'cut shard from store':
        return shard?.isFencing ? this.#cut(shard.process.name, 'store', true, fault) : null;
      case 'cut rack from store':
        return router && shard?.isFencing ? this.#cutRack(router, shard, fault) : null;
      case 'cut router from shard':
        return router && shard && this.#cut(router.process.name, shard.process.name, shard.isFencing, fault);
    }
  }

  #shardOf({ isAtLosing, choice }: PlannedFault): SimulatedShard | null {
    const { truth, shards } = this.#world;
    const placed = truth.current === null ? [] : servingShards(truth.current.topology);
    const losing = placed.flatMap(({ id, address }) => (truth.losing.includes(id) ? (shards.get(address) ?? []) : []));
    return pick(isAtLosing && losing.length > 0 ? losing : [...shards.values()], choice) ?? null;
  }

  #killRouter(router: SimulatedRouter): Strike {
    const { name } = router.process;
    return {
      what: name,
      text: `${name} is killed`,
      repairedText: `${name} starts again`,
      begin: () => {
        this.#world.killRouter(name);
        this.#clients.routerKilled(router);
      },
      repair: () => this.#world.startRouter(name),
    };
  }

  #endRouter(router: SimulatedRouter): Strike {
    const { name } = router.process;
    return {
      what: name,
      text: `${name} ends in order`,
      repairedText: `${name} starts again`,
      begin: () => {
        router.process.enter(() => void router.leave());
      },
      repair: () => {
        this.#world.killRouter(name);
        this.#clients.routerKilled(router);
        this.#world.startRouter(name);
      },
    };
  }

  /** A second router has the name of one that runs. */
  #twin(name: string): Strike {
    const place = `${name}, the second`;
    return {
      what: place,
      text: `a second router is called ${name}`,
      repairedText: `the second ${name} is killed`,
      begin: () => this.#world.startRouter(name, place),
      repair: () => {
        const twin = this.#world.routers.get(place);
        this.#world.killRouter(place);
        if (twin != null) this.#clients.routerKilled(twin);
      },
    };
  }

  /** What it says first may come once more, behind what it says next. */
  #killShard(shard: SimulatedShard, fault: PlannedFault): Strike {
    const { name } = shard.process;
    const place = placeOf(shard.address);
    return {
      what: name,
      text: `${name} is killed`,
      repairedText: `${name} starts again`,
      begin: () => this.#world.killShard(shard),
      repair: () => {
        if (this.#world.shards.has(shard.address)) return;
        const startsOn: PlannedFault = { ...fault, link: 'twice', lastsMs: STARTS_TWICE_MS };
        if (shard.isFencing && fault.link.startsWith('slow'))
          this.#strike(startsOn, this.#cut(name, 'store', true, startsOn));
        this.#world.startShard(shard.id, place);
      },
    };
  }

  /** Of what it has open when it goes on it serves nothing that others may serve by now. */
  #stopShard(shard: SimulatedShard): Strike {
    const { scheduler, judge } = this.#world;
    const stop = this.#stop(shard.process.name, shard.process);
    return {
      ...stop,
      repair: () => {
        stop.repair();
        // Behind all that has come meanwhile.
        scheduler.at(scheduler.nowMs, () => judge.onResumed(shard));
      },
    };
  }

  #stop(who: string, process: { stop(): void; resume(): void }, what = who): Strike {
    return {
      what,
      text: `${who} is stopped`,
      repairedText: `${who} goes on`,
      begin: () => process.stop(),
      repair: () => process.resume(),
    };
  }

  #killStore(): Strike {
    return {
      what: 'store',
      text: 'the store is killed',
      repairedText: 'the store starts again',
      begin: () => this.#world.server.kill(),
      repair: () => {
        this.#world.store.restarted();
        this.#world.startServer();
      },
    };
  }

  /** A backup is taken at the beginning; at the end it is what the store is. */
  #restore(fault: PlannedFault): Strike {
    const { store, truth } = this.#world;
    return {
      what: 'restore',
      text: 'a backup of the store is made, which is to be restored',
      repairedText: 'the store is restored from its backup',
      begin: () => {
        this.#backup = store.backup();
      },
      repair: () => {
        const backup = this.#backup;
        // What a router of an eventual cluster may do without a lease the registry forgets with it: docs/registry.md.
        if (backup === null || this.#struck.has('store') || !truth.isStrict) return;
        this.#world.server.kill();
        store.restore(backup, fault.choice < 0.5);
        truth.restoreFrom(store.entries);
        this.#operator.startMissingShards([truth.current?.topology, truth.staged]);
        this.#world.startServer();
      },
    };
  }

  /** A shard and a router that sends to it hear nothing any more, and find one another still. */
  #cutRack(router: SimulatedRouter, shard: SimulatedShard, fault: PlannedFault): Strike {
    const link = fault.choice < 0.5 ? ('silent' as const) : ('reset' as const);
    const cuts = [router, shard].map(({ process }) => this.#cut(process.name, 'store', true, { ...fault, link }));
    return {
      what: 'rack',
      text: `${router.process.name} and ${shard.process.name} are cut off from the store (${link})`,
      repairedText: `${router.process.name} and ${shard.process.name} reach the store`,
      begin: () => {
        for (const cut of cuts) cut.begin();
      },
      repair: () => {
        for (const cut of cuts) cut.repair();
      },
    };
  }

  /** @param refuses whether the other end can refuse what comes late */
  #cut(one: string, other: string, refuses: boolean, { link: kind, choice }: PlannedFault): Strike {
    const link = Network.link(one, other);
    // Nobody says that a link is safe on which something comes late to a plain shard. And what a shard is asked comes once.
    const isSlow = kind === 'slow' || kind === 'slow one way';
    const isPlanned = isSlow ? refuses : kind !== 'twice' || other === 'store';
    const slowMs = choice < VERY_SLOW_SHARE && other === 'store' ? VERY_SLOW_MS : SLOW_MS;
    const fault = isPlanned ? linkFault(kind, slowMs, other) : linkFault('reset', 0, other);
    const { network } = this.#world;
    return {
      what: link,
      text: `the link between ${one} and ${other} is ${isPlanned ? kind : 'reset'}`,
      repairedText: `the link between ${one} and ${other} works again`,
      begin: () => {
        network.break(link, fault);
        if (other === 'store' && fault.kind !== 'slow' && fault.kind !== 'twice')
          this.#world.server.linkBroken(one, fault.kind === 'silent');
      },
      repair: () => network.repair(link),
    };
  }
}

function linkFault(kind: PlannedFault['link'], slowMs: number, other: string): LinkFault {
  return kind === 'slow one way' ? { kind: 'slow', slowMs, slowTo: other } : { kind, slowMs };
}

interface Strike {
  /** What is struck. */
  readonly what: string;
  readonly text: string;
  /** Empty: nothing has to be repaired. */
  readonly repairedText: string;
  begin(): void;
  repair(): void;
}

function pick<Item>(items: readonly Item[], choice: number): Item | undefined {
  return items[Math.floor(choice * items.length)];
}
