import { Housekeeper, type Run, RunOver, StaleRun, type Task, unitText } from '../../../src/housekeeping/index.ts';
import type { LeaseTimes, Registry } from '../../../src/registry/index.ts';
import type { SimulatedProcess } from '../machine/process.ts';
import { KEYS, NAME } from './setting.ts';

const PROJECTS = KEYS.slice(0, 3);
const PROJECTS_EVERY_MS = 20_000;
const LEASE: LeaseTimes = { lengthMs: 3000, renewMs: 700, livenessMs: 2200 };
const STEPS = 4;
const STEP_MS = 50;

/** Called with each write of a run that the store has accepted. */
export type OnMaintenance = (unit: string, node: string, token: number) => void;

/** The tokens by which the shards' shared documents were kept, durable: a write with an old one is refused. */
export class SharedMaintenance {
  readonly #tokens = new Map<string, number>();
  readonly #onWrite: OnMaintenance;

  constructor(onWrite: OnMaintenance) {
    this.#onWrite = onWrite;
  }

  /** The newest token by which anything was done. */
  get newest(): number {
    return Math.max(0, ...this.#tokens.values());
  }

  /** Refuses an old token. @throws StaleRun */
  check(unit: string, token: number): void {
    const newest = this.#tokens.get(unit) ?? 0;
    if (token < newest) throw new StaleRun(unit, token, newest);
  }

  /** @throws StaleRun RunOver */
  write({ unit, token, mayGoOn }: Run, node: string): void {
    const name = unitText(unit);
    this.check(name, token);
    if (!mayGoOn()) throw new RunOver(name);
    this.#tokens.set(name, token);
    this.#onWrite(name, node, token);
  }
}

/** Work on the documents in some steps, each of which can stand alone. */
function cleaning(maintenance: SharedMaintenance, node: string): Task {
  return {
    name: 'cleaning',
    unit: 'project',
    settings: { schedule: { everyMs: 2000, jitter: 0.2 }, concurrency: 2, timeLimitMs: 10_000, candidates: 100 },
    run: async (run) => {
      for (let step = 0; step < STEPS; step++) {
        if (!run.mayGoOn()) return { cursor: String(step), candidates: step, changed: step };
        maintenance.write(run, node);
        await new Promise((resolve) => setTimeout(resolve, 2 * STEP_MS * Math.random()));
      }
      return { cursor: null, candidates: STEPS, changed: STEPS };
    },
  };
}

/** A shard's part in housekeeping: the product's own, with a task of the simulation. */
export function housekeeper(
  process: SimulatedProcess,
  shard: string,
  registry: Registry,
  maintenance: SharedMaintenance,
  change: (task: Task) => Task,
): Housekeeper {
  registry.expectTokensBeyond(maintenance.newest as Parameters<Registry['expectTokensBeyond']>[0]);
  return new Housekeeper({
    registry,
    name: NAME,
    shard,
    node: process.name,
    lease: LEASE,
    projectsBy: 'owner',
    tasks: [change(cleaning(maintenance, process.name))],
    projects: async () => PROJECTS,
    projectsEveryMs: PROJECTS_EVERY_MS,
    clock: process.clock,
    timeOfDayMs: () => process.clock() - process.machine.clock.offsetMs,
    random: Math.random,
    listener: { onTerm: () => {}, onUnits: () => {}, onRun: () => {}, onFault: () => {} },
  });
}
