import {
  type Handoff,
  type HandoffStep,
  type HandoffView,
  hasReached,
  instanceText,
  isMemberOf,
  isUnderWay,
  type LeaselessRouter,
  type Member,
  type Registry,
  type StoredHandoff,
  type StoredNode,
  StoreRefused,
  shardsGiveUp,
  Waker,
} from '../registry/index.ts';
import { type Topology, type TopologyName, topologyText } from '../topology/index.ts';
import { astrayRouters } from './astray.ts';
import { awaitedIn } from './awaited.ts';

/** How long things may take. */
interface HandoffTiming {
  /**
   * Requests are held for no longer than this the first time; then what is waited for is given more time while no
   * request waits. Each further time it is twice as long, up to `LONGEST_HOLD` times.
   */
  readonly holdMs: number;
  /** How long that is. */
  readonly restMs: number;
}

/**
 * Half a second is enough for routers and shards that are not stopped, and hardly an outage for the requests that wait.
 */
const defaultTiming: HandoffTiming = { holdMs: 500, restMs: 1000 };
/** Two seconds are long for a request, and enough where the registry is slow or far away. */
const LONGEST_HOLD = 4;

/** Called for each step that is begun. */
export type OnStep = (handoff: Handoff) => void;

/** After an outage of the registry. */
const RETRY_MS = 100;

const FOLLOWING: Readonly<Partial<Record<HandoffStep, HandoffStep>>> = { stage: 'drain', drain: 'hold' };

/**
 * Carries a cluster's handoffs out, step by step. Several may do it at once, and each may die at any step: every step is a
 * compare-and-set, made once all participants that the registry knows at that moment have acknowledged the one before.
 */
export class HandoffDriver {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #clock: () => number;
  readonly #timing: HandoffTiming;
  readonly #onStep: OnStep;
  readonly #waker: Waker;
  #view: HandoffView = { handoff: null, staged: null, nodes: [], leaseless: [] };
  #routers: readonly Member[] = [];
  #nodes: readonly Member[] = [];
  /** Since when this attempt has been as far as to hold requests, or to drain. */
  #since: { readonly attempt: number; readonly holds: boolean; readonly ms: number } | null = null;

  constructor(
    registry: Registry,
    name: TopologyName,
    clock: () => number,
    onStep: OnStep = () => {},
    timing: HandoffTiming = defaultTiming,
  ) {
    this.#registry = registry;
    this.#waker = new Waker(registry.pause);
    this.#name = name;
    this.#clock = clock;
    this.#onStep = onStep;
    this.#timing = timing;
  }

  /** Drives whatever handoff there is, until it is stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = [this.#watchHandoffs(signal), this.#watchRouters(signal), this.#watchNodes(signal)];
    await this.#waker.run(() => this.#advance(signal), RETRY_MS, signal);
    await Promise.all(watching);
  }

  async #watchHandoffs(signal: AbortSignal): Promise<void> {
    for await (const event of this.#registry.handoffs.watch(this.#name, signal)) {
      // What this driver has written itself it knows already.
      if (event.kind !== 'view' || revisionOf(event.view) < revisionOf(this.#view)) continue;
      this.#view = event.view;
      this.#waker.wake();
    }
    this.#waker.end();
  }

  async #watchRouters(signal: AbortSignal): Promise<void> {
    for await (const members of this.#registry.members.watch('router', '', signal)) {
      if (members !== null) this.#routers = members;
      this.#waker.wake();
    }
  }

  async #watchNodes(signal: AbortSignal): Promise<void> {
    for await (const members of this.#registry.members.watch('node', `${topologyText(this.#name)}/`, signal)) {
      if (members !== null) this.#nodes = members;
      this.#waker.wake();
    }
  }

  /** Takes as many steps as can be taken now. */
  async #advance(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { handoff, staged } = this.#view;
      if (handoff === null || staged === null || !isUnderWay(handoff)) return;
      const next = await this.#next(handoff, staged);
      if (next === null) return;
      // Another driver was faster, and the watch will report it: nothing is lost.
      if (next.done === null) return;
      this.#view = { ...this.#view, handoff: next.done };
      if (next.done.step !== handoff.step) this.#onStep(next.done);
    }
  }

  /** Takes the next step. @returns null where a participant has to be waited for */
  async #next(handoff: StoredHandoff, staged: Topology): Promise<{ readonly done: StoredHandoff | null } | null> {
    const { handoffs } = this.#registry;
    const waitsMs = this.#waitedFor(handoff);
    // What the watches know may be old: the last word has a read that is made after the step was written.
    const awaited = this.#awaited(handoff, this.#routers, this.#nodes) ?? (await this.#awaitedNow(handoff, staged));
    const holds = hasReached(handoff.step, 'hold');
    if (awaited !== null) {
      const holdMs = this.#timing.holdMs * Math.min(2 ** handoff.retries, LONGEST_HOLD);
      if (!holds || waitsMs < holdMs) {
        if (holds) this.#waker.wakeIn(holdMs - waitsMs);
        return null;
      }
      const reason = `${awaited} has not answered while requests were held`;
      return { done: await handoffs.advance(this.#name, handoff, backToDraining(handoff, reason)) };
    }
    if (handoff.step === 'drain' && handoff.retries > 0 && waitsMs < this.#timing.restMs) {
      this.#waker.wakeIn(this.#timing.restMs - waitsMs);
      return null;
    }
    const step = FOLLOWING[handoff.step];
    if (step !== undefined)
      return { done: await handoffs.advance(this.#name, handoff, { step, ...fence(handoff, false) }) };
    // Every router holds. Shards that lose something should give it up now, where there are any.
    const giveUp = { ...handoff, ...fence(handoff, true) };
    if (!shardsGiveUp(handoff) && this.#awaited(giveUp, this.#routers, this.#nodes) !== null)
      return { done: await handoffs.advance(this.#name, handoff, fence(handoff, true)) };
    return { done: await this.#commit(handoff, staged) };
  }

  /**
   * Where the store no longer takes the staged version, because it is too large with what goes with it, the current one
   * stays.
   */
  async #commit(handoff: StoredHandoff, staged: Topology): Promise<StoredHandoff | null> {
    const { handoffs } = this.#registry;
    try {
      return await handoffs.commit(this.#name, handoff, staged, await this.#gone(handoff, staged));
    } catch (error) {
      if (!(error instanceof StoreRefused)) throw error;
      return handoffs.abort(this.#name, handoff, error.message);
    }
  }

  /** For how long this attempt has drained, or held. */
  #waitedFor({ attempt, step }: Handoff): number {
    const holds = hasReached(step, 'hold');
    if (this.#since?.attempt !== attempt || this.#since.holds !== holds)
      this.#since = { attempt, holds, ms: this.#clock() };
    return this.#clock() - this.#since.ms;
  }

  async #awaitedNow(handoff: StoredHandoff, staged: Topology): Promise<string | null> {
    const { handoffs, members } = this.#registry;
    const [{ nodes, leaseless }, routers, there] = await Promise.all([
      handoffs.read(this.#name),
      members.list('router'),
      members.list('node', `${topologyText(this.#name)}/`),
    ]);
    this.#view = { ...this.#view, nodes };
    const astray = await astrayRouters(this.#registry, this.#name, staged, { nodes, leaseless, routers });
    return this.#awaited(handoff, routers, there, astray);
  }

  /** A participant that has to be waited for, or null. */
  #awaited(
    handoff: Handoff,
    routers: readonly Member[],
    nodes: readonly Member[],
    astray: readonly LeaselessRouter[] = [],
  ): string | null {
    return awaitedIn(this.#name, handoff, { routers, nodes, known: this.#view.nodes, astray })[0] ?? null;
  }

  /** Processes that are over, or were given up, and whose shards have no place any more; as long as they have not come back. */
  async #gone({ givenUp }: Handoff, staged: Topology): Promise<StoredNode[]> {
    const over = this.#view.nodes.filter(
      (node) =>
        (node.ended || givenUp.includes(instanceText(node))) && !staged.shards.some(({ id }) => id === node.shard),
    );
    if (over.length === 0) return [];
    const members = await this.#registry.members.list('node', `${topologyText(this.#name)}/`);
    return over.filter((node) => !members.some(isMemberOf(this.#name, node)));
  }
}

function revisionOf({ handoff }: HandoffView): number {
  return handoff?.revision ?? 0;
}

function fence({ attempt }: Handoff, isUp: boolean): Pick<Handoff, 'fence'> {
  return { fence: { attempt, isUp } };
}

/** What was held is released to its old owners; the steps begin again from there. */
function backToDraining(
  { attempt, retries }: Handoff,
  reason: string,
): Pick<Handoff, 'step' | 'attempt' | 'retries' | 'reason'> {
  return { step: 'drain', attempt: attempt + 1, retries: retries + 1, reason };
}
