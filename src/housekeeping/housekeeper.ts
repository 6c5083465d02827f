import { type LeaseTimes, type Registry, type Term, Waker } from '../registry/index.ts';
import { aborted } from '../runtime/aborted.ts';
import type { TopologyName } from '../topology/index.ts';
import { Board, type BoardState, orderKey } from './board.ts';
import { Claims, type Wanted } from './claims.ts';
import { clusterElection, type RunRecord, shardElection } from './entries.ts';
import { Holding } from './holding.ts';
import { Leadership } from './leadership.ts';
import { firstTurn, scheduleText } from './schedule.ts';
import type { Task } from './task.ts';
import { TaskRunner } from './task-runner.ts';
import { type ProjectsBy, Territory } from './territory.ts';
import { type UnitKind, unitText } from './unit.ts';

/** What becomes of housekeeping, for logs and monitors. */
export interface HousekeepingListener {
  onTerm(election: string, leads: boolean): void;
  onUnits(count: number): void;
  /** @param lagMs how long after its time it began */
  onRun(task: Task, unit: string, record: RunRecord, lagMs: number): void;
  /** Something that people should know, and that is tried again. */
  onFault(what: string, error: unknown): void;
}

export interface HousekeeperOptions {
  readonly registry: Registry;
  readonly name: TopologyName;
  readonly shard: string;
  /** For people. */
  readonly node: string;
  readonly lease: LeaseTimes;
  readonly projectsBy: ProjectsBy;
  readonly tasks: readonly Task[];
  /** Asked now and then which projects there are. */
  readonly projects: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly projectsEveryMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly timeOfDayMs: () => number;
  readonly random: () => number;
  readonly listener: HousekeepingListener;
}

const RETRY_MS = 200;
/** Of thousands of tasks some are always due: they are looked for no more often than this. */
const SHORTEST_SLEEP_MS = 20;
/** A clock that was set is noticed. */
const LONGEST_SLEEP_MS = 60_000;
/** What came of runs is kept together, at most this often: what a node that dies has not kept is done again. */
const KEEP_EVERY_MS = 1000;

/**
 * A node's part in its cluster's housekeeping. It claims the units that it owns by the elections it leads; one node at
 * a time holds each. It carries out what is due for them, and records what came of it.
 */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #board: Board;
  readonly #territory: Territory;
  readonly #claims: Claims;
  readonly #leadership: Leadership;
  readonly #elections: Readonly<Record<'cluster' | 'shard', string>>;
  readonly #runners: Readonly<Record<UnitKind, readonly TaskRunner[]>>;
  readonly #holdings = new Map<string, Holding>();
  /** Wakes what only this process takes part in: a registry that does not answer holds no run up, and keeps none going. */
  readonly #turns: Waker;
  /** Wakes what writes to the registry. */
  readonly #books: Waker;
  #seen: BoardState | null = null;
  #keptAtMs = Number.NEGATIVE_INFINITY;
  /** Something has changed that decides which units to hold. */
  #isUnsettled = false;
  /** Something has changed that decides what to do. */
  #hasNews = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** The time of day at which the next task is due. */
  #dueMs = Number.POSITIVE_INFINITY;
  #isStopping = false;
  #onEmpty: () => void = () => {};
  /** Called once a run is over, for code that waits for runs to end. */
  readonly #waiting = new Set<() => void>();

  constructor(options: HousekeeperOptions) {
    this.#options = options;
    const { registry, name, shard, node, lease, projectsBy, tasks } = options;
    this.#turns = new Waker(registry.pause);
    this.#books = new Waker(registry.pause);
    this.#board = new Board(registry, name);
    this.#territory = new Territory(shard, projectsBy);
    this.#claims = new Claims(registry, this.#board, node);
    this.#elections = { cluster: clusterElection(name), shard: shardElection(name, shard) };
    const onTerm = (election: string, term: Term | null): void => this.#onTerm(election, term);
    this.#leadership = new Leadership(registry, node, lease, onTerm, (term) => this.#whenQuiet(term));
    const context = {
      ...options,
      onRun: (task: Task, holding: Holding, record: RunRecord, lagMs: number): void => {
        if (record.outcome === 'stale') holding.leave();
        options.listener.onRun(task, holding.name, record, lagMs);
        this.#dueMs = Math.min(this.#dueMs, holding.tasks.get(task.name)?.nextMs ?? this.#dueMs);
      },
      onOver: (hasFollowedOrder: boolean): void => {
        // The command that gave the order may wait for it.
        if (hasFollowedOrder) this.#keptAtMs = Number.NEGATIVE_INFINITY;
        for (const look of this.#waiting) look();
        this.#turns.wake();
        this.#books.wake();
      },
    };
    const runnersOf = (kind: UnitKind): TaskRunner[] =>
      tasks.filter(({ unit }) => unit === kind).map((task) => new TaskRunner(task, context));
    this.#runners = { cluster: runnersOf('cluster'), shard: runnersOf('shard'), project: runnersOf('project') };
  }

  /** Takes part until `signal` is aborted; then runs stop where they can, and what this node has is given back. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    signal.addEventListener('abort', () => this.#stop(), { once: true });
    const working = Promise.all([
      this.#leadership.campaign(this.#elections.cluster, over.signal),
      this.#leadership.campaign(this.#elections.shard, over.signal),
      this.#followTopology(over.signal),
      this.#followBoard(over.signal),
      this.#claims.follow(this.#elections.cluster, over.signal, () => this.#unsettle()),
      this.#lookForProjects(over.signal),
      this.#turns.run(async () => this.#take(), RETRY_MS, over.signal),
      this.#books.run(() => this.#settle(), RETRY_MS, over.signal),
    ]);
    await aborted(signal);
    await this.#emptied();
    over.abort();
    await working;
  }

  #stop(): void {
    this.#isStopping = true;
    this.#unsettle();
  }

  /** Resolves once nothing is held, or cannot be given back: then others have it when the term has ended. */
  #emptied(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.lease.livenessMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#books.wake();
    });
  }

  #onTerm(election: string, term: Term | null): void {
    this.#options.listener.onTerm(election, term !== null);
    if (term !== null && election === this.#elections.cluster) void this.#describe();
    this.#unsettle();
  }

  /** Resolves once no run continues under a term that has ended, or once the lease has ended by any clock. */
  #whenQuiet(term: Term): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if ([...this.#holdings.values()].every((held) => held.term !== term || held.running.size === 0)) over();
      };
      const over = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(over, this.#options.lease.lengthMs);
      this.#waiting.add(look);
      look();
    });
  }

  #unsettle(): void {
    this.#isUnsettled = true;
    this.#hasNews = true;
    this.#turns.wake();
    this.#books.wake();
  }

  async #describe(): Promise<void> {
    const entries = this.#options.tasks.map(({ name, unit, settings: { schedule, ...settings } }) => {
      return [name, { unit, schedule: scheduleText(schedule), ...settings }] as const;
    });
    await this.#board.describe(new Map(entries)).catch((error) => this.#fault('tasks could not be described', error));
  }

  #fault(what: string, error: unknown): void {
    this.#options.listener.onFault(what, error);
  }

  async #followTopology(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.registry.topologies.watch(this.#options.name, null, signal)) {
      if (event.kind === 'topology') this.#territory.setTopology(event.topology);
      else if (event.kind === 'gone') this.#territory.setTopology(null);
      this.#unsettle();
    }
  }

  async #followBoard(signal: AbortSignal): Promise<void> {
    for await (const state of this.#board.watch(signal)) {
      this.#seen = state;
      this.#unsettle();
    }
  }

  async #lookForProjects(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#territory.setProjects(await this.#options.projects(signal));
        this.#unsettle();
      } catch (error) {
        if (!signal.aborted) this.#fault('projects could not be listed', error);
      }
      await this.#options.registry.pause(this.#options.projectsEveryMs, signal, 0.1);
    }
  }

  /** Ends what may not continue, and begins what is due. */
  #take(): void {
    const { timeOfDayMs } = this.#options;
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    if (hasNews) this.#letGo();
    this.#begin(hasNews);
    const inMs = Math.max(SHORTEST_SLEEP_MS, this.#dueMs - timeOfDayMs());
    this.#turns.wakeIn(Math.min(inMs, LONGEST_SLEEP_MS));
  }

  /** Gives units back, claims units, and keeps state, as each is due. */
  async #settle(): Promise<void> {
    await this.#release();
    if (this.#isUnsettled) {
      this.#isUnsettled = false;
      await this.#claim().catch((error) => {
        this.#isUnsettled = true;
        throw error;
      });
    }
    await this.#keep();
    this.#options.listener.onUnits(this.#holdings.size);
    if ([...this.#holdings.values()].some(({ isDirty }) => isDirty)) this.#books.wakeIn(KEEP_EVERY_MS);
    if (this.#isStopping && this.#holdings.size === 0) this.#onEmpty();
  }

  get #terms(): Readonly<Record<'cluster' | 'shard', Term | null>> {
    const { cluster, shard } = this.#elections;
    return { cluster: this.#leadership.termOf(cluster), shard: this.#leadership.termOf(shard) };
  }

  /** What this node should hold, by unit. */
  #wanted(): Map<string, Wanted> {
    if (this.#isStopping) return new Map();
    const terms = this.#terms;
    const units = this.#territory.units({ cluster: terms.cluster !== null, shard: terms.shard !== null });
    return new Map(units.map(({ unit, by }) => [unitText(unit), { unit, term: terms[by] as Term }]));
  }

  #letGo(): void {
    const wanted = this.#wanted();
    for (const holding of this.#holdings.values()) if (wanted.get(holding.name)?.term !== holding.term) holding.leave();
  }

  /** Begins what is due, or ordered. @param all whether there may be orders that were not looked at */
  #begin(all: boolean): void {
    const nowMs = this.#options.timeOfDayMs();
    if (!all && (nowMs < this.#dueMs || this.#options.clock() - this.#lookedAtMs < SHORTEST_SLEEP_MS)) return;
    this.#lookedAtMs = this.#options.clock();
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const holding of this.#holdings.values()) {
      if (holding.isLeaving) continue;
      for (const runner of this.#runnersOf(holding)) this.#beginIfDue(runner, holding, nowMs, all);
    }
  }

  #beginIfDue(runner: TaskRunner, holding: Holding, nowMs: number, all: boolean): void {
    const { name } = runner.task;
    const state = holding.tasks.get(name);
    if (state === undefined || runner.isBusyWith(holding)) return;
    const ordered = all ? this.#orderOf(name, holding.name) : state.ordered;
    if (ordered > state.ordered || (state.nextMs <= nowMs && !this.#isPaused(name))) runner.begin(holding, ordered);
    else if (!this.#isPaused(name)) this.#dueMs = Math.min(this.#dueMs, state.nextMs);
  }

  #runnersOf({ unit }: Holding): readonly TaskRunner[] {
    return this.#runners[unit.kind];
  }

  #isPaused(task: string): boolean {
    return this.#seen?.paused.includes(task) === true;
  }

  /** The newest order to carry it out. */
  #orderOf(task: string, unit: string): number {
    const orders = this.#seen?.orders;
    return Math.max(orders?.get(orderKey(task, null)) ?? 0, orders?.get(orderKey(task, unit)) ?? 0);
  }

  /** Gives back the units for which nothing runs any more. */
  async #release(): Promise<void> {
    const quiet = [...this.#holdings.values()].filter(({ isLeaving, running }) => isLeaving && running.size === 0);
    if (quiet.length === 0) return;
    await this.#board.release(
      quiet.map(({ state, unit }) => ({ ...state, state: this.#territory.isGone(unit) ? null : state.state })),
    );
    // Of what was not held any more nothing was written.
    for (const { name } of quiet) this.#holdings.delete(name);
    this.#unsettle();
  }

  async #claim(): Promise<void> {
    if (this.#seen === null) return;
    const all = this.#wanted();
    const terms = Object.values(this.#terms).filter((term) => term !== null);
    await this.#claims.giveBack(terms, this.#seen.claims, (unit) => all.has(unit) || this.#holdings.has(unit));
    const wanted = [...all].flatMap(([name, each]) => (this.#holdings.has(name) ? [] : [each]));
    const taken = await this.#claims.take(wanted, this.#seen.claims);
    for (const { unit, token, term, state } of taken) {
      const holding = new Holding(unit, token, term, state);
      this.#prepare(holding);
      this.#holdings.set(holding.name, holding);
    }
    if (taken.length > 0) this.#unsettle();
  }

  /** A task that was never carried out has its first turn within one interval. */
  #prepare(holding: Holding): void {
    const { timeOfDayMs, random } = this.#options;
    for (const { task } of this.#runnersOf(holding)) {
      if (holding.tasks.has(task.name)) continue;
      const nextMs = firstTurn(task.settings.schedule, timeOfDayMs(), random);
      // Orders of before there was such a unit are not for it.
      const ordered = this.#orderOf(task.name, holding.name);
      holding.set(task.name, { nextMs, cursor: null, failures: 0, ordered, runs: [] });
    }
  }

  /** Keeps what came of runs. */
  async #keep(): Promise<void> {
    const dirty = [...this.#holdings.values()].filter(({ isDirty, isLeaving }) => isDirty && !isLeaving);
    const sinceMs = this.#options.clock() - this.#keptAtMs;
    if (dirty.length === 0 || sinceMs < KEEP_EVERY_MS) return;
    this.#keptAtMs = this.#options.clock();
    for (const holding of dirty) holding.isDirty = false;
    try {
      const lost = await this.#board.keep(dirty.map(({ state }) => state));
      for (const unit of lost) this.#holdings.get(unit)?.leave();
      if (lost.length > 0) this.#unsettle();
    } catch (error) {
      // What may not have been written is written again.
      for (const holding of dirty) holding.isDirty = true;
      throw error;
    }
  }
}
