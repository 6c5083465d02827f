import { setTimeout as pause } from 'node:timers/promises';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import { carryOut, plan } from './changes.ts';
import { type Fault, pickFault } from './faults.ts';
import type { Change, Disturbance } from './history.ts';
import type { World } from './world.ts';

/**
 * All has to be well again this long after a fault: every lease has ended, and every handoff been finished, by then.
 */
const RECOVERS_WITHIN_MS = 60_000;
/** By then every lease has been renewed since the fault, or has ended, and what comes of that has begun. */
const AFTERMATH_MS = 7000;
/** Without faults, planned changes have so much time between them that a watch may come back. */
const CALM_MS = 400;

/**
 * Of a run: with more, faults would excuse too much (`rules/disturbed.ts` allows a third of the calls; those that fail come back sooner, so that
 * there are more of them in the same time).
 */
const MAX_DISTURBED = 0.24;
/** The same by what was really asked: a struck shard may have had most keys. Less than the checker allows, for more is asked until the end. */
const MAX_EXCUSED = 0.3;
/** Of all changes some are given up while they are under way, and behind some the registry forgets what was. */
const ABORTED = 0.1;
const ABORTED_AFTER_MS = 300;
const COMPACTED = 0.1;
/** How many things go wrong at once. */
const AT_ONCE = [1, 1, 1, 2, 2, 3];
/** By so much one of several that go wrong at once may come after the other. */
const LATER_BY_MS = 1000;

/** What the storm strikes, and how it learns what has come of it. */
export interface StormOptions {
  readonly world: World;
  /** Whose moves are noted. */
  readonly keys: readonly string[];
  /** Decides which changes there are, and in which order. */
  readonly random: () => number;
  /** The same for faults: one of its own, for how many changes come between two faults is a matter of time. */
  readonly randomFault: () => number;
  readonly fewestShards: number;
  /** Whether clients have noticed that all is well again. */
  readonly hasRecovered: (sinceMs: number) => boolean;
  readonly print: (line: string) => void;
  /**
   * Which part of all that was asked so far these may excuse; a run continues without faults until it is little enough.
   */
  readonly excused?: (disturbances: readonly Disturbance[]) => Promise<number>;
}

/** What happens to the world: planned changes, one after the other, and faults, of which several may come at once. */
export class Storm {
  readonly changes: Change[] = [];
  readonly disturbances: Disturbance[] = [];
  /** The same without what comes after them. */
  readonly faults: Array<Pick<Disturbance, 'begin' | 'end'>> = [];
  readonly #options: StormOptions;
  readonly #world: World;
  readonly #beganMs = machineClock();
  /** What was disturbed so far, each by its part of the routers and shards. */
  #disturbedMs = 0;

  constructor(options: StormOptions) {
    this.#options = options;
    this.#world = options.world;
  }

  async run(seconds: number, faults: boolean): Promise<void> {
    await this.settle('the beginning');
    while (this.#elapsedMs < seconds * 1000 || (await this.#isTooDisturbed())) {
      await this.#change();
      await pause(CALM_MS);
      if (faults && this.#elapsedMs < seconds * 1000 && !(await this.#isTooDisturbed())) await this.#faults();
    }
  }

  get #elapsedMs(): number {
    return machineClock() - this.#beganMs;
  }

  async #isTooDisturbed(): Promise<boolean> {
    if (this.#disturbedMs > MAX_DISTURBED * this.#elapsedMs) return true;
    const { excused } = this.#options;
    return excused !== undefined && (await excused(this.disturbances)) > MAX_EXCUSED;
  }

  #say(line: string): void {
    this.#options.print(`${(this.#elapsedMs / 1000).toFixed(1).padStart(6)} s  ${line}`);
  }

  async #change(): Promise<void> {
    const before = await this.#world.topology();
    const { random, keys, fewestShards } = this.#options;
    const planned = plan({ topology: before, world: this.#world, keys, random }, fewestShards);
    const [isAborted, afterMs, isCompacted] = [random() < ABORTED, ABORTED_AFTER_MS * random(), random() < COMPACTED];
    const aborting = isAborted ? pause(afterMs).then(() => this.#world.abort().catch(() => {})) : null;
    const change = await carryOut(this.#world, before, planned, keys);
    await aborting;
    // Where the registry is away it is not compacted, which does no harm.
    if (isCompacted) await this.#world.compact().catch(() => {});
    this.changes.push(change);
    const took = `${(change.end - change.begin).toFixed(0)} ms, ${change.moved.length} keys`;
    this.#say(`${planned.what}: ${change.done ? 'done' : 'not done'}, ${took}`);
  }

  /** Some faults at once, and often a change that is begun while they last. */
  async #faults(): Promise<void> {
    const { randomFault, hasRecovered } = this.#options;
    const faults = this.#pickFaults();
    const what = faults.map((fault) => fault.what).join(', and ');
    const changes = randomFault() < 0.7;
    const begin = machineClock();
    this.#say(what);
    // The change may be under way already when they strike.
    const changing = changes ? this.#change().catch((error: Error) => this.#say(`no change: ${error.message}`)) : null;
    await Promise.all(
      faults.map(async ({ fault, afterMs }) => {
        await pause(afterMs);
        await fault.begin();
        await pause(fault.lastsMs);
        await fault.mend();
      }),
    );
    this.faults.push({ begin, end: machineClock() });
    await this.settle(what);
    await changing;
    await this.settle(what);
    // A process that could not renew its lease meanwhile may still be there, and stop later by its own clock.
    await pause(AFTERMATH_MS);
    await this.settle(what);
    const wellMs = machineClock();
    while (!hasRecovered(wellMs)) await pause(20);
    const end = machineClock();
    for (const { fault } of faults) {
      const { routers, shards } = fault;
      this.disturbances.push({ what: fault.what, begin, end, routers, shards });
    }
    const parts = faults.map(({ fault }) => this.#partOf(fault));
    this.#disturbedMs +=
      (end - begin) *
      Math.min(
        1,
        parts.reduce((sum, part) => sum + part, 0),
      );
  }

  /** Of all that clients ask for, how much has to do with a fault. */
  #partOf({ routers, shards }: Fault): number {
    const part = (some: readonly unknown[] | null, all: readonly unknown[]): number =>
      some === null ? 1 : some.length / all.length;
    return part(routers, this.#world.routers) * part(shards, this.#world.shards);
  }

  #pickFaults(): Array<{ readonly fault: Fault; readonly what: string; readonly afterMs: number }> {
    const { randomFault } = this.#options;
    const count = AT_ONCE[Math.floor(randomFault() * AT_ONCE.length)] as number;
    const faults: Fault[] = [];
    while (faults.length < count) {
      const fault = pickFault(this.#world, randomFault);
      if (!faults.some(({ victim }) => victim === fault.victim)) faults.push(fault);
    }
    return faults.map((fault, i) => ({
      fault,
      what: fault.what,
      afterMs: (i === 0 ? 200 : LATER_BY_MS) * randomFault(),
    }));
  }

  /** Waits until all members are there, nothing is under way, and every router serves the current version. */
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
