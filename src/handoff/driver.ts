import {
  type AutonomousRouter,
  type Handoff,
  type HandoffView,
  hasReached,
  instanceText,
  isMemberOf,
  isStopped,
  isUnderWay,
  type Member,
  type Registry,
  type Revision,
  type StoredHandoff,
  type StoredNode,
  StoreRefused,
  shardsGiveUp,
  VersionConflict,
  Waker,
  type Wave,
} from '../registry/index.ts';
import {
  defaultWaves,
  isStrict,
  piecesOf,
  servingShards,
  type Topology,
  type TopologyName,
  targetOf,
  topologyText,
  towards,
} from '../topology/index.ts';
import { awaitedIn } from './awaited.ts';
import { stageNextWave, takeDeadOut } from './between-waves.ts';
import { awayRouters, blockingRouters } from './blocking-routers.ts';
import { backAtOnce, backToDraining, fence, hasMoreSteps, revisionOf } from './steps.ts';
import { WatchedRouters } from './watched-routers.ts';
import { allKnowWaves, isHeldInVain, isOneOfSeveral, movingStreams, narrowed } from './waves.ts';

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

/** Who takes part in a handoff, as far as that is known. */
interface Present {
  readonly routers: readonly Member[];
  readonly nodes: readonly Member[];
  /** The nodes that have to be waited for, lease or no lease. */
  readonly known: readonly StoredNode[];
  /** Routers that may serve without a lease. */
  readonly autonomous: readonly AutonomousRouter[];
}

/** The same by one read. */
interface Read extends Present {
  /** The revision of which the nodes are. */
  readonly asOf: Revision;
}

/** Called for each step that is begun. */
export type OnStep = (handoff: Handoff) => void;

/** What goes with driving. */
interface DriverOptions {
  readonly onStep?: OnStep;
  readonly timing?: HandoffTiming;
  /** Called between two waves: what it stages comes first. */
  readonly beforeWave?: () => Promise<void>;
}

/** After an outage of the registry. */
const RETRY_MS = 100;

/**
 * Carries a cluster's handoffs out, step by step. Several may do it at once, and each may die at any step: every step is a
 * compare-and-set, made once all participants that the registry knows at that moment have acknowledged the one before.
 */
export class HandoffDriver {
  readonly #registry: Registry;
  readonly #name: TopologyName;
  readonly #clock: () => number;
  readonly #timing: HandoffTiming;
  readonly #beforeWave: () => Promise<void>;
  readonly #onStep: OnStep;
  readonly #waker: Waker;
  /** Null: nothing is known yet. */
  #view: HandoffView | null = null;
  /** Of the registry that the view is of. */
  #incarnation = '';
  readonly #routers: WatchedRouters;
  #nodes: readonly Member[] = [];
  /** Since when this attempt has been as far as to hold requests, or to drain. */
  #since: { readonly attempt: number; readonly holds: boolean; readonly ms: number } | null = null;
  /** What is current since a handoff was over, as far as that has been looked at: whether keys have yet to move. */
  #rest: { readonly revision: number; readonly current: Topology | null; readonly sinceMs: number } | null = null;

  constructor(
    registry: Registry,
    name: TopologyName,
    clock: () => number,
    { onStep = () => {}, timing = defaultTiming, beforeWave = () => Promise.resolve() }: DriverOptions = {},
  ) {
    this.#registry = registry;
    this.#waker = new Waker(registry.pause);
    this.#name = name;
    this.#routers = new WatchedRouters(registry, name, () => this.#waker.wake());
    this.#clock = clock;
    this.#onStep = onStep;
    this.#timing = timing;
    this.#beforeWave = beforeWave;
  }

  /** Drives whatever handoff there is, until it is stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const watching = [this.#watchHandoffs(signal), this.#routers.run(until), this.#watchNodes(signal)];
    await this.#waker.run(() => this.#advance(signal), RETRY_MS, signal);
    // Where the registry was closed, the handoffs' watch has ended, and nothing says any more that routers' words are needed.
    over.abort();
    await Promise.all(watching);
  }

  async #watchHandoffs(signal: AbortSignal): Promise<void> {
    for await (const event of this.#registry.handoffs.watch(this.#name, signal)) {
      if (event.kind !== 'view') continue;
      // What this driver has written itself it knows already.
      const isEarlier = this.#view !== null && revisionOf(event.view) < revisionOf(this.#view);
      if (isEarlier && event.incarnation === this.#incarnation) continue;
      this.#view = event.view;
      this.#incarnation = event.incarnation;
      this.#routers.isNeeded = hasMoreSteps(event.view.handoff);
      this.#waker.wake();
    }
    this.#waker.end();
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
      const view = this.#view;
      if (view === null || view.handoff === null) return;
      const { handoff, staged } = view;
      if (!isUnderWay(handoff)) return this.#goOnAfter(handoff);
      const isForgotten = handoff.incarnation !== undefined && handoff.incarnation !== this.#incarnation;
      if (staged === null && !isForgotten) return;
      const next = staged === null || isForgotten ? await this.#giveUp(handoff) : await this.#next(handoff, staged);
      if (next === null) return;
      // Another driver was faster, and the watch will report it; or a node has come, or nothing is known of the write, and it is tried again.
      if (next.done === null) {
        this.#waker.wakeIn(RETRY_MS);
        return;
      }
      this.#view = { ...(this.#view ?? view), handoff: next.done };
      if (next.done.step !== handoff.step) this.#onStep(next.done);
    }
  }

  /** Takes the next step. @returns null where a participant has to be waited for */
  async #next(handoff: StoredHandoff, staged: Topology): Promise<{ readonly done: StoredHandoff | null } | null> {
    const { handoffs } = this.#registry;
    if (isStopped(handoff)) return null;
    const waitsMs = this.#waitedFor(handoff);
    let awaited = this.#awaited(handoff, this.#watched);
    let present: Read | null = null;
    if (awaited === null) {
      // What the watches know may be old: the last word has a read that is made after the step was written. They may learn more
      // while it is made, so that it takes nothing of theirs away.
      present = await this.#read();
      awaited = this.#awaited(handoff, present, await blockingRouters(this.#registry, this.#name, staged, present));
    }
    const holds = hasReached(handoff.step, 'hold');
    const holdMs = this.#timing.holdMs * Math.min(2 ** handoff.retries, LONGEST_HOLD);
    if (present === null || awaited !== null) {
      if (holds && isHeldInVain(this.#name, handoff, this.#routers.known)) {
        const back = backAtOnce(handoff, 'a call takes long whose key moves');
        return { done: await handoffs.advance(this.#name, handoff, back) };
      }
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
    if (handoff.step === 'stage') return this.#drain(handoff, staged, present);
    if (handoff.step === 'drain')
      return { done: await handoffs.advance(this.#name, handoff, { step: 'hold', ...fence(handoff, false) }) };
    // Every router holds. Shards that lose something should give it up now, where there are any.
    const giveUp = { ...handoff, ...fence(handoff, true) };
    if (!shardsGiveUp(handoff) && this.#awaited(giveUp, present) !== null)
      return { done: await handoffs.advance(this.#name, handoff, fence(handoff, true)) };
    const done = await this.#commit(handoff, staged, present);
    if (done !== null || waitsMs < holdMs) return { done };
    // Each attempt has met a node that came since it was looked at who is there.
    const reason = 'shards have come again and again while requests were held';
    return { done: await handoffs.advance(this.#name, handoff, backToDraining(handoff, reason)) };
  }

  /** The registry went back to a time in the middle of a handoff. What earlier waves have moved stays, and the change goes on from there. */
  async #giveUp(handoff: StoredHandoff): Promise<{ readonly done: StoredHandoff | null }> {
    const reason = 'the registry went back to what it was before';
    return { done: await this.#registry.handoffs.abort(this.#name, handoff, reason) };
  }

  /** Every router knows what moves: either that is few enough streams, or fewer keys are to move first. */
  async #drain(
    handoff: StoredHandoff,
    staged: Topology,
    present: Present,
  ): Promise<{ readonly done: StoredHandoff | null } | null> {
    const { wave } = handoff;
    const limit = (staged.waves ?? defaultWaves).streams;
    const moving = movingStreams(this.#name, handoff, present.routers);
    const streams = moving?.streams ?? null;
    const canDivide = this.#canDivide(handoff, present);
    // A shard that is lost meanwhile is taken out behind the wave, which is over the sooner the smaller it is.
    if (wave !== undefined && streams !== null && canDivide) {
      const smaller = narrowed(wave, streams, limit);
      // What is staged then, the watch reports.
      if (smaller !== null && (await this.#narrow(handoff, staged, smaller))) return null;
    }
    // More of them than may end at once end over a while, as they have to where a member does not know waves.
    const ends = streams !== null && (canDivide || streams <= limit) ? { watchesEnd: 'hold' as const } : {};
    // Of many waves each costs what it does: one that nothing has to be waited for is held at once.
    const isHeldAtOnce = isOneOfSeveral(wave) && moving?.isQuiet === true && 'watchesEnd' in ends;
    const step = isHeldAtOnce ? ('hold' as const) : ('drain' as const);
    const heldAtOnce = isHeldAtOnce || undefined;
    const counted = wave === undefined ? {} : { wave: { ...wave, streams, heldAtOnce } };
    const change = { step, ...fence(handoff, false), ...counted, ...ends };
    return { done: await this.#registry.handoffs.advance(this.#name, handoff, change) };
  }

  /** Whether all that are known can serve a version in which only some keys have moved. */
  #canDivide(handoff: StoredHandoff, present = this.#watched): boolean {
    const { routers, nodes, known } = present;
    // One that is away may be of any release.
    return awayRouters(present).length === 0 && allKnowWaves(this.#name, handoff, routers, nodes, known);
  }

  /** Has only the keys of a wave move. @returns false where the change cannot be divided */
  async #narrow(handoff: StoredHandoff, staged: Topology, wave: Wave): Promise<boolean> {
    const { handoffs, topologies } = this.#registry;
    const current = await topologies.read(this.#name);
    // By an eventual version routers may serve that are not heard of.
    if (current?.version !== handoff.from || !isStrict(current) || !isStrict(staged)) return false;
    // All keys of a slot have one owner, and commands with several keys go by that.
    if ([...piecesOf(current), ...piecesOf(staged)].some(({ placement }) => placement.name === 'slots')) return false;
    const part = towards(current, targetOf(staged), wave.to, wave.since);
    if (part.moving === undefined) return false;
    try {
      await handoffs.narrow(this.#name, handoff, current, part, { ...wave, to: part.moving.cursor });
    } catch (error) {
      if (!(error instanceof StoreRefused)) throw error;
      return false;
    }
    return true;
  }

  /** A handoff is over. Shards that were declared dead go; then, where keys have yet to move and nobody has stopped the change, it goes on. */
  async #goOnAfter(handoff: StoredHandoff): Promise<void> {
    const isMoving = handoff.paused !== true;
    if (!isMoving && handoff.dead === undefined) return;
    if (this.#rest?.revision !== handoff.revision) {
      const current = await this.#registry.topologies.read(this.#name);
      this.#rest = { revision: handoff.revision, current, sinceMs: this.#clock() };
    }
    const { current, sinceMs } = this.#rest;
    if (current === null) return;
    try {
      // What is staged, the watch reports.
      if (await takeDeadOut(this.#registry, this.#name, handoff, current)) return;
      if (current.moving === undefined || !isMoving) return;
      const restMs = sinceMs + (current.waves ?? defaultWaves).pauseMs - this.#clock();
      if (restMs > 0) {
        this.#waker.wakeIn(restMs);
        return;
      }
      await this.#beforeWave();
      const { moving } = current;
      const next = await stageNextWave(this.#registry, this.#name, handoff, current, moving, this.#canDivide(handoff));
      if (next?.step === 'hold') this.#onStep(next);
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      // Another driver was faster, or something else is current by now.
      this.#rest = null;
      this.#waker.wakeIn(RETRY_MS);
    }
  }

  /**
   * Where the store no longer takes the staged version, because it is too large with what goes with it, the current one
   * stays.
   */
  async #commit(
    handoff: StoredHandoff,
    staged: Topology,
    { asOf, routers, known, autonomous }: Read,
  ): Promise<StoredHandoff | null> {
    const { handoffs } = this.#registry;
    const { wave } = handoff;
    const streams = wave?.streams ?? movingStreams(this.#name, handoff, routers)?.streams ?? null;
    const counted = wave && { wave: { ...wave, streams } };
    try {
      const inUse = new Set(autonomous.map(({ version }) => version));
      return await handoffs.commit(
        this.#name,
        { ...handoff, ...counted },
        staged,
        asOf,
        await this.#gone(handoff, staged, known),
        inUse,
      );
    } catch (error) {
      if (!(error instanceof StoreRefused)) throw error;
      // The waves before it stay, and the next one would be refused as well; and so would be what takes lost shards out.
      const isWave = handoff.wave !== undefined;
      const refused = isWave ? handoff : { ...handoff, dead: undefined };
      return handoffs.abort(this.#name, refused, error.message, isWave ? true : undefined);
    }
  }

  /** For how long this attempt has drained, or held. */
  #waitedFor({ attempt, step }: Handoff): number {
    const holds = hasReached(step, 'hold');
    if (this.#since?.attempt !== attempt || this.#since.holds !== holds)
      this.#since = { attempt, holds, ms: this.#clock() };
    return this.#clock() - this.#since.ms;
  }

  get #watched(): Present {
    const { nodes: known = [], autonomous = [] } = this.#view ?? {};
    return { routers: this.#routers.known, nodes: this.#nodes, known, autonomous };
  }

  async #read(): Promise<Read> {
    const { handoffs, members } = this.#registry;
    const [{ asOf, nodes: known, autonomous }, routers, nodes] = await Promise.all([
      handoffs.read(this.#name),
      members.list('router'),
      members.list('node', `${topologyText(this.#name)}/`),
    ]);
    return { asOf, routers, nodes, known, autonomous };
  }

  /** A participant that has to be waited for, or null. */
  #awaited(
    handoff: Handoff,
    { routers, nodes, known }: Present,
    blocking: readonly AutonomousRouter[] = [],
  ): string | null {
    return awaitedIn(this.#name, handoff, { routers, nodes, known, blocking })[0] ?? null;
  }

  /** Processes that are over, or were given up, and whose shards have no place any more; as long as they have not come back. */
  async #gone({ givenUp }: Handoff, staged: Topology, known: readonly StoredNode[]): Promise<StoredNode[]> {
    const placed = new Set(servingShards(staged).map(({ id }) => id));
    const over = known.filter(
      (node) => (node.ended || givenUp.includes(instanceText(node))) && !placed.has(node.shard),
    );
    if (over.length === 0) return [];
    const members = await this.#registry.members.list('node', `${topologyText(this.#name)}/`);
    return over.filter((node) => !members.some(isMemberOf(this.#name, node)));
  }
}
