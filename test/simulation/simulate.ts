import { Clients } from './clients.ts';
import { Faults } from './faults.ts';
import type { Violation } from './judge/judge.ts';
import type { SimulatedRouter } from './keyway/router.ts';
import { KEYS } from './keyway/setting.ts';
import { onSimulatedMachines } from './machine/globals.ts';
import { runningProcess } from './machine/process.ts';
import { Operator } from './operator.ts';
import type { Plan, PlannedFault } from './plan.ts';
import type { Planted } from './planted/planted.ts';
import { type StoryLine, World } from './world.ts';

/** The result of a run. */
export interface Outcome {
  readonly plan: Plan;
  readonly violation: Violation | null;
  /** A hash of all events: the same for the same plan. */
  readonly trace: string;
  /** As `Truth` counts them: those that people made, and those that took lost shards out. */
  readonly changes: number;
  readonly faults: number;
  readonly serves: number;
  readonly acknowledged: number;
  readonly excused: number;
  readonly events: number;
  /** In simulated time. */
  readonly lastedMs: number;
}

/** No run lasts longer, in simulated time. */
const LONGEST_MS = 600_000;
/** All routers serve the first version within this time. */
const START_MS = 30_000;
/** Once everything is repaired, all goes on within this time: leases end, and what has waited longest is tried again. */
const PROGRESS_MS = 60_000;
const POLL_MS = 200;
const CUT_POLL_MS = 300;
/** A router notices within a second that its lease was taken away; only then can it cut. */
const CUT_POLLS = 5;
/** By then every router that runs is registered, and the others have ended. */
const FORGET_AFTER_MS = 15_000;
/** How often a call is tried again once all has ended: after a restored backup shards serve only once the longest time is over for which another may. */
const LAST_TRIES = PROGRESS_MS / POLL_MS;
/** How often a change is polled that others have to complete. Then the next one begins all the same. */
const MAX_POLLS = 100;

/**
 * Carries out a plan until a rule is broken or all is done. Must not be called from a promise's reaction.
 * @param onLine called with each line of the story
 */
export function simulate(
  plan: Plan,
  planted: Planted | null = null,
  onLine: ((line: StoryLine) => void) | null = null,
): Outcome {
  let outcome: Outcome | null = null;
  onSimulatedMachines(() => {
    outcome = new Run(plan, planted, onLine).complete();
  });
  return outcome as unknown as Outcome;
}

class Run {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #operator: Operator;
  readonly #faults: Faults;
  readonly #plan: Plan;
  #isOver = false;
  /** The routers whose leases are over, and at how many polls they were so. */
  #overFor = new Map<SimulatedRouter, number>();
  /** People say which routers will not come back. */
  #mayForgetDead = false;
  #deadlineMs = START_MS;

  constructor(plan: Plan, planted: Planted | null, onLine: ((line: StoryLine) => void) | null) {
    this.#plan = plan;
    this.#world = new World(plan, planted, onLine);
    this.#operator = new Operator(this.#world);
    this.#clients = new Clients(this.#world);
    this.#faults = new Faults(this.#world, this.#clients, this.#operator);
  }

  complete(): Outcome {
    const world = this.#world;
    const { judge, scheduler } = world;
    const onRejection = (error: unknown): void => world.onProcessFault(runningProcess()?.name ?? 'nobody', error);
    process.on('unhandledRejection', onRejection);
    const starting = judge.faultBegins();
    this.#operator.begin(() => {
      for (let i = 0; i < this.#plan.routers; i++) world.startRouter(`r${i}`);
      this.#whenAllServe(() => {
        // Clients that came too early have failed for that.
        starting.endMs = Number.NEGATIVE_INFINITY;
        this.#deadlineMs = LONGEST_MS;
        this.#faults.begin(this.#plan.faults);
        this.#next(0);
      });
    });
    // Shards that refuse what they have lost need no cut at once: a router that served without a lease checks it within a second.
    if (this.#plan.shards === 'plain') this.#later(CUT_POLL_MS, () => this.#checkCuts());
    while (!this.#isOver && judge.violation === null && scheduler.step())
      if (scheduler.nowMs > this.#deadlineMs) judge.violated('progress', `it goes on for ever: ${this.#unfinished()}`);
    process.off('unhandledRejection', onRejection);
    return {
      plan: this.#plan,
      violation: judge.violation,
      trace: scheduler.trace,
      changes: world.truth.changes,
      faults: this.#faults.struck,
      serves: judge.serves,
      acknowledged: judge.acknowledged,
      excused: judge.excused,
      events: scheduler.events,
      lastedMs: scheduler.nowMs,
    };
  }

  /** A router that runs has nothing in flight by a lease that has ended a while ago. */
  #checkCuts(): void {
    const before = this.#overFor;
    this.#overFor = new Map();
    for (const router of this.#world.routers.values()) {
      if (router === null || router.process.isStopped) continue;
      const endedForMs = router.process.clock() - (router.servesUntil[1] as number);
      if (endedForMs < CUT_POLL_MS) continue;
      const polls = (before.get(router) ?? 0) + 1;
      this.#overFor.set(router, polls);
      if (polls < CUT_POLLS) continue;
      for (const { isSent, keyText } of router.open)
        if (isSent) this.#world.judge.onNotCut(router.process.name, keyText, endedForMs);
    }
    this.#later(CUT_POLL_MS, () => this.#checkCuts());
  }

  #later(ms: number, run: () => void): void {
    const { scheduler } = this.#world;
    scheduler.at(scheduler.nowMs + ms, run);
  }

  #next(i: number): void {
    const change = this.#plan.changes[i];
    if (change === undefined) this.#settle();
    else
      this.#later(change.afterMs, () =>
        this.#afterChange(MAX_POLLS, () => this.#operator.change(change, () => this.#next(i + 1))),
      );
  }

  /** Continues once the change before is over, completed by any driver, or once it is not waited for any more. */
  #afterChange(left: number, then: () => void): void {
    if (!this.#world.truth.isUnderWay || left === 0) then();
    else this.#later(POLL_MS, () => this.#afterChange(left - 1, then));
  }

  /** Nothing is broken any more: all goes on. */
  #settle(): void {
    this.#faults.end();
    this.#world.log('run', 'all faults are repaired');
    this.#deadlineMs = this.#world.scheduler.nowMs + PROGRESS_MS;
    this.#later(FORGET_AFTER_MS, () => {
      this.#mayForgetDead = true;
    });
    this.#restored(() => this.#whenAllServe(() => this.#readAll()));
  }

  /** A cluster that was deleted may have been left so. */
  #restored(then: () => void): void {
    if (this.#forgetsDead(() => this.#restored(then))) return;
    if (this.#world.truth.current !== null) then();
    else this.#operator.restore(() => this.#later(POLL_MS, () => this.#restored(then)));
  }

  /** A router whose name another one had does not come back, and may have said that it serves without a lease. */
  #forgetsDead(then: () => void): boolean {
    const forgets = this.#mayForgetDead;
    this.#mayForgetDead = false;
    if (forgets) this.#operator.forgetDead(then);
    return forgets;
  }

  #whenAllServe(then: () => void): void {
    if (this.#unfinished() === null) then();
    else if (this.#forgetsDead(() => this.#whenAllServe(then))) return;
    else this.#later(POLL_MS, () => this.#whenAllServe(then));
  }

  /** What is still to be done, or null. */
  #unfinished(): string | null {
    const { truth, routers } = this.#world;
    const { current } = truth;
    if (current === null) return 'there is no version';
    if (truth.isUnderWay) return truth.step;
    for (const [name, router] of routers) {
      if (router === null) return `${name} is not there`;
      if (router.isLeaving) return `${name} goes away`;
      if (router.owners.version !== current.topology.version)
        return `${name} routes by version ${router.owners.version}, not ${current.topology.version}`;
      if (router.process.clock() >= (router.servesUntil[0] as number)) return `${name} has no lease`;
    }
    return null;
  }

  /** Every key can be written and read through every router: what was acknowledged is there. */
  #readAll(): void {
    let open = 0;
    this.#clients.end();
    for (const router of this.#world.routers.values())
      for (const key of KEYS) {
        open++;
        this.#askUntilDone(router, 'put', key, () =>
          this.#askUntilDone(router, 'get', key, () => {
            open--;
            if (open === 0) this.#isOver = true;
          }),
        );
      }
  }

  #askUntilDone(
    router: SimulatedRouter | null,
    kind: 'put' | 'get',
    key: string,
    then: () => void,
    left = LAST_TRIES,
  ): void {
    this.#clients.ask({ client: 'the last one', kind, key, repeats: true }, router, (answer) => {
      if (answer.kind === 'done') then();
      else if (left > 0) this.#later(POLL_MS, () => this.#askUntilDone(router, kind, key, then, left - 1));
      else this.#world.judge.violated('progress', `a ${kind} of ${key} fails in the end: ${answer.reason}`, key);
    });
  }
}

/** The faults that came about by an outcome: what a plan has beyond its end says nothing. */
export function faultsOf({ plan, lastedMs }: Outcome): PlannedFault[] {
  return plan.faults.filter(({ atMs }) => atMs <= lastedMs);
}
