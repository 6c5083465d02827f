import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../src/machine-clock.ts';
import type { Scope } from '../support/processes.ts';
import { seeded } from '../support/random.ts';
import { carryOut, plan } from './changes.ts';
import { check, type Judgement } from './checker.ts';
import { Caller, type ClientSetup, Watcher } from './clients.ts';
import { EnvoyWorld } from './envoy-world.ts';
import { pickFault } from './faults.ts';
import type { Change, Disturbance, History } from './history.ts';
import { KeywayWorld } from './keyway-world.ts';
import type { World } from './world.ts';

export interface ChaosOptions {
  /** Tells which faults and changes there are, and in which order; and what each client does. */
  readonly seed: number;
  readonly seconds: number;
  /** Where Keyway's routers learn of shards; or Envoys in their place, which read a file. */
  readonly store: 'embedded' | 'etcd' | 'envoy';
  readonly callers: number;
  readonly watchers: number;
  readonly thinkMs: number;
  readonly faults: boolean;
}

export interface ChaosResult {
  readonly history: History;
  readonly judgement: Judgement;
}

const KEYS = 120;
/** All has to be well again so long after a fault: every lease has ended, and every handoff been finished, by then. */
const RECOVERS_WITHIN_MS = 60_000;
/** By then every lease has been renewed since the fault, or has ended, and what comes of that has begun. */
const AFTERMATH_MS = 7000;
/** Without faults, planned changes have so much time between them that a watch may come back. */
const CALM_MS = 400;

/** Runs routers, shards and clients through changes and faults, and judges what they wrote down. */
export async function runChaos(
  scope: Scope,
  options: ChaosOptions,
  tell: (line: string) => void,
): Promise<ChaosResult> {
  const { store } = options;
  const counts = { routers: 3, shards: 5 };
  const world =
    store === 'envoy' ? await EnvoyWorld.start(scope, counts) : await KeywayWorld.start(scope, { store, ...counts });
  const keys = Array.from({ length: KEYS }, (_, i) => `p${i % 7}/d${i}`);
  const setup: ClientSetup = {
    endpoints: world.routers.map(({ endpoint }) => endpoint),
    keys,
    thinkMs: options.thinkMs,
    randomOf: (client) => seeded(options.seed + 1 + client),
  };
  const callers = Array.from({ length: options.callers }, (_, i) => new Caller(i, setup));
  const watchers = Array.from(
    { length: options.watchers },
    (_, i) => new Watcher(options.callers + i, keys[i % keys.length] as string, setup),
  );
  const running = [...callers, ...watchers].map((client) => client.run());
  const storm = new Storm(world, callers, keys, options, tell);
  await storm.run();
  for (const caller of callers) caller.stop();
  await Promise.all(running.slice(0, callers.length));
  await storm.settle('the end');
  await caughtUp(world, watchers);
  for (const watcher of watchers) watcher.stop();
  await Promise.all(running);
  for (const caller of callers) caller.close();
  const history: History = {
    operations: world.documents.operations(world.shards),
    calls: callers.flatMap(({ calls }) => calls),
    watches: watchers.map(({ watch }) => watch),
    changes: storm.changes,
    disturbances: storm.disturbances,
    stops: [...world.shards, ...world.routers].flatMap(({ stops }) => stops),
    stored: world.documents.stored(),
  };
  return { history, judgement: check(history) };
}

/** What happens to the world, one thing after the other. */
class Storm {
  readonly changes: Change[] = [];
  readonly disturbances: Disturbance[] = [];
  readonly #world: World;
  readonly #callers: readonly Caller[];
  readonly #keys: readonly string[];
  readonly #options: ChaosOptions;
  readonly #random: () => number;
  readonly #tell: (line: string) => void;
  readonly #beganMs = machineClock();

  constructor(
    world: World,
    callers: readonly Caller[],
    keys: readonly string[],
    options: ChaosOptions,
    tell: (line: string) => void,
  ) {
    this.#world = world;
    this.#callers = callers;
    this.#keys = keys;
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#tell = tell;
  }

  async run(): Promise<void> {
    const { seconds, faults } = this.#options;
    await this.settle('the beginning');
    while (machineClock() - this.#beganMs < seconds * 1000) {
      await this.#change();
      await pause(CALM_MS);
      if (faults) await this.#fault();
    }
  }

  #say(line: string): void {
    this.#tell(`${((machineClock() - this.#beganMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  }

  async #change(): Promise<void> {
    const before = await this.#world.topology();
    const planned = plan(before, this.#world, this.#random);
    const change = await carryOut(this.#world, before, planned, this.#keys);
    this.changes.push(change);
    const took = `${(change.end - change.begin).toFixed(0)} ms, ${change.moved.length} keys`;
    this.#say(`${planned.what}: ${change.done ? 'done' : 'not done'}, ${took}`);
  }

  /** One fault, and often a change that is begun while it lasts. */
  async #fault(): Promise<void> {
    const fault = pickFault(this.#world, this.#random);
    const changes = this.#random() < 0.7;
    const delayMs = 200 * this.#random();
    const begin = machineClock();
    this.#say(fault.what);
    // The change may be under way already when it strikes.
    const changing = changes ? this.#change().catch((error: Error) => this.#say(`no change: ${error.message}`)) : null;
    await pause(delayMs);
    await fault.begin();
    await pause(fault.lastsMs);
    await fault.mend();
    await this.settle(fault.what);
    await changing;
    await this.settle(fault.what);
    // Who could not renew its lease meanwhile may be there still, and stop by its own clock yet.
    await pause(AFTERMATH_MS);
    await this.settle(fault.what);
    // Clients try to connect now and then: those of a router that was away may not know that it is back.
    const wellMs = machineClock();
    while (!this.#callers.every((caller) => caller.hasSucceededSince(wellMs))) await pause(20);
    this.disturbances.push({ what: fault.what, begin, end: machineClock() });
  }

  /** Waits until everybody is there, nothing is under way, and every router serves the current version. */
  async settle(after: string): Promise<void> {
    const untilMs = machineClock() + RECOVERS_WITHIN_MS;
    for (;;) {
      const missing = await this.#world.missing().catch((error: Error) => error.message);
      if (missing === null) return;
      if (machineClock() > untilMs) throw new Error(`after ${after} ${missing}${this.#outputs()}`);
      await pause(50);
    }
  }

  #outputs(): string {
    return [...this.#world.routers, ...this.#world.shards]
      .map(({ name, output }) => `\n--- ${name}\n${output.slice(-2000)}`)
      .join('');
  }
}

/** Without any watcher coming further for so long, the rest never will. */
const GIVES_UP_AFTER_MS = 15_000;

/** Every watcher has seen the last revision of its document. */
async function caughtUp(world: World, watchers: readonly Watcher[]): Promise<void> {
  const last = new Map<string, number>();
  for (const { key, revision } of world.documents.stored()) last.set(key, Math.max(last.get(key) ?? 0, revision));
  const isBehind = ({ key, last: seen }: Watcher): boolean => seen < (last.get(key) ?? 0);
  for (let behind = watchers.filter(isBehind), sinceMs = machineClock(); behind.length > 0; ) {
    await pause(50);
    const still = behind.filter(isBehind);
    if (still.length < behind.length) sinceMs = machineClock();
    else if (machineClock() - sinceMs > GIVES_UP_AFTER_MS) return;
    behind = still;
  }
}
