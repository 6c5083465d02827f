import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../src/machine-clock.ts';
import { carryOut, plan } from './changes.ts';
import { pickFault } from './faults.ts';
import type { Change, Disturbance } from './history.ts';
import type { World } from './world.ts';

/** All has to be well again so long after a fault: every lease has ended, and every handoff been finished, by then. */
const RECOVERS_WITHIN_MS = 60_000;
/** By then every lease has been renewed since the fault, or has ended, and what comes of that has begun. */
const AFTERMATH_MS = 7000;
/** Without faults, planned changes have so much time between them that a watch may come back. */
const CALM_MS = 400;

/** Whom it befalls, and how it is told what has come of it. */
export interface StormOptions {
  readonly world: World;
  /** Whose moves are noted. */
  readonly keys: readonly string[];
  /** Tells which faults and changes there are, and in which order. */
  readonly random: () => number;
  readonly fewestShards: number;
  /** Whether clients have noticed that all is well again. */
  readonly hasRecovered: (sinceMs: number) => boolean;
  readonly tell: (line: string) => void;
}

/** What happens to the world, one thing after the other. */
export class Storm {
  readonly changes: Change[] = [];
  readonly disturbances: Disturbance[] = [];
  /** The same without what comes after them. */
  readonly faults: Array<Pick<Disturbance, 'begin' | 'end'>> = [];
  readonly #options: StormOptions;
  readonly #world: World;
  readonly #beganMs = machineClock();

  constructor(options: StormOptions) {
    this.#options = options;
    this.#world = options.world;
  }

  async run(seconds: number, faults: boolean): Promise<void> {
    await this.settle('the beginning');
    while (machineClock() - this.#beganMs < seconds * 1000) {
      await this.#change();
      await pause(CALM_MS);
      if (faults) await this.#fault();
    }
  }

  #say(line: string): void {
    this.#options.tell(`${((machineClock() - this.#beganMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  }

  async #change(): Promise<void> {
    const before = await this.#world.topology();
    const { random, keys, fewestShards } = this.#options;
    const planned = plan(before, this.#world, random, fewestShards);
    const change = await carryOut(this.#world, before, planned, keys);
    this.changes.push(change);
    const took = `${(change.end - change.begin).toFixed(0)} ms, ${change.moved.length} keys`;
    this.#say(`${planned.what}: ${change.done ? 'done' : 'not done'}, ${took}`);
  }

  /** One fault, and often a change that is begun while it lasts. */
  async #fault(): Promise<void> {
    const { random, hasRecovered } = this.#options;
    const fault = pickFault(this.#world, random);
    const changes = random() < 0.7;
    const delayMs = 200 * random();
    const begin = machineClock();
    this.#say(fault.what);
    // The change may be under way already when it strikes.
    const changing = changes ? this.#change().catch((error: Error) => this.#say(`no change: ${error.message}`)) : null;
    await pause(delayMs);
    await fault.begin();
    await pause(fault.lastsMs);
    await fault.mend();
    this.faults.push({ begin, end: machineClock() });
    await this.settle(fault.what);
    await changing;
    await this.settle(fault.what);
    // Who could not renew its lease meanwhile may be there still, and stop by its own clock yet.
    await pause(AFTERMATH_MS);
    await this.settle(fault.what);
    const wellMs = machineClock();
    while (!hasRecovered(wellMs)) await pause(20);
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
