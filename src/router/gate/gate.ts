import type { StagedCluster } from '../../topology/index.ts';
import type { Leaver } from '../drain/drainer.ts';
import type { Exchange } from '../exchange.ts';
import { localReply } from '../local-reply.ts';
import type { RouterContext } from '../router-context.ts';
import type { ClusterOwners } from '../routing.ts';
import { WaitingRoom } from './waiting-room.ts';

/**
 * Until when requests are let through, and when what is in flight is cut; by the machine's clock, in memory that the control
 * plane writes.
 */
export type ServesUntil = Float64Array<SharedArrayBuffer>;

/** What the gate needs of its router. */
export interface GateKeeper {
  /** Who owns what in the cluster now. */
  owners(): ClusterOwners;
  /** The requests to the cluster that are under way, some at a time; resolves once all were visited. */
  visitOpen(visit: (exchange: Exchange) => void): Promise<void>;
  /** @param sinceMs when the window began within which they are to leave */
  drain(leavers: readonly Leaver[], sinceMs: number): void;
}

/** Less than a millisecond's work. */
const TOLD_TO_LEAVE_A_TICK = 1000;
/** How often it is looked whether those in flight have ended, while others wait for that. */
const HOLD_TICK_MS = 2;
/** The same while nobody waits. */
const DRAIN_TICK_MS = 20;

interface Change {
  staged: StagedCluster;
  readonly next: ClusterOwners;
  /** Everybody who was under way when it began has been looked at. */
  seenAll: boolean;
  /** Those under way whose keys move, and whether their routes call them watches. */
  readonly moving: Map<Exchange, boolean>;
  /** Those that were told to leave, in the order in which they will: ten thousand are not to be looked at every time. */
  readonly leaving: Set<Exchange>;
  /** When the first were told. */
  drainsSinceMs: number | null;
}

/**
 * Stands between the requests to a cluster of the registry and their owners: lets through what may be sent now. During a
 * handoff what moves has to wait, and so has everything once the router's lease has run out.
 */
export class Gate {
  readonly #context: RouterContext;
  readonly #cluster: string;
  readonly #until: ServesUntil;
  readonly #keeper: GateKeeper;
  readonly #room: WaitingRoom;
  #change: Change | null = null;
  #wasOpen = false;
  /** Something may be in flight that has to be cut when the lease ends. */
  #wasServing = false;
  #timer: NodeJS.Timeout | null = null;
  #cutTimer: NodeJS.Timeout | undefined;
  #onSettled: Array<{ readonly attempt: number; readonly step: string; readonly done: (reached: boolean) => void }> =
    [];

  constructor(context: RouterContext, cluster: string, until: ServesUntil, keeper: GateKeeper) {
    this.#context = context;
    this.#cluster = cluster;
    this.#until = until;
    this.#keeper = keeper;
    this.#room = new WaitingRoom(context, cluster, () => this.#lookAtLease());
    this.#watchLease();
  }

  get waiting(): number {
    return this.#room.size;
  }

  /** Whether all that moves by a table waits here, and nothing of it is in flight. @param build the table's */
  hasHandedOverTo(build: number): boolean {
    const change = this.#change;
    return change !== null && change.next.build === build && change.staged.step === 'hold' && this.#isDone(change);
  }

  holds(exchange: Exchange): boolean {
    return exchange.isIn(this.#room);
  }

  /**
   * Whether a request may be sent now to its owner, which was found in this turn; otherwise it waits here, or was refused. This
   * and `readmits` alone decide it.
   */
  admits(exchange: Exchange): boolean {
    if (this.#context.http2.turn.nowMs >= (this.#until[0] as number)) {
      this.#wasOpen = false;
      this.#room.add(exchange, 0);
      return false;
    }
    const change = this.#change;
    if (change === null || !exchange.hasMovedIn(change.next)) return true;
    if (waitsAt(change.staged.step, exchange)) {
      this.#room.add(exchange, 0);
      return false;
    }
    note(change, exchange);
    return true;
  }

  /** The same for one that has waited, or was sent before: it may have another owner by now. */
  readmits(exchange: Exchange): boolean {
    if (this.#mayGo(exchange, 0)) {
      const change = this.#change;
      if (change !== null && exchange.hasMovedIn(change.next)) note(change, exchange);
      return true;
    }
    if (exchange.isOpen) this.#room.add(exchange, 0);
    return false;
  }

  /** A shard says that it has given an exchange's key up by a version: it waits until that is known here, or tries again. */
  onStale(exchange: Exchange, version: number): void {
    this.#change?.moving.delete(exchange);
    if ((this.#keeper.owners().version ?? 0) >= version) exchange.proceed();
    else this.#room.add(exchange, version);
  }

  onContent(exchange: Exchange, bytes: number): void {
    this.#room.onContent(exchange, bytes);
  }

  /** The table has changed, or what is staged beside it. @param next by what is staged; null: nothing is */
  changed(staged: StagedCluster | null, next: ClusterOwners | null): void {
    const before = this.#change;
    if (staged === null || next === null) this.#change = null;
    else if (before?.next.build === next.build) before.staged = staged;
    else this.#begin(staged, next);
    this.#answerSettled();
    this.#lookAtAll();
    this.#act();
  }

  #begin(staged: StagedCluster, next: ClusterOwners): void {
    const change: Change = { staged, next, seenAll: false, moving: new Map(), leaving: new Set(), drainsSinceMs: null };
    this.#change = change;
    const seen = this.#keeper.visitOpen((exchange) => {
      if (this.#change === change && exchange.isOpen && !this.holds(exchange) && exchange.hasMovedIn(next))
        change.moving.set(exchange, exchange.isWatch);
    });
    seen.then(() => {
      change.seenAll = true;
      this.#act();
    });
  }

  /** Does what the step asks for, as far as that can be done now, and looks again as long as it is not done. */
  #act(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const change = this.#change;
    if (change === null) return;
    const { step } = change.staged;
    if (step !== 'stage') {
      this.#takeBackUnsent(change);
      this.#forgetOver(change);
    }
    if (change.seenAll && step === 'drain') this.#drain(change);
    this.#answerSettled();
    if (step === 'stage') return;
    this.#timer = setTimeout(() => this.#act(), step === 'hold' ? HOLD_TICK_MS : DRAIN_TICK_MS);
  }

  #forgetOver({ moving, leaving }: Change): void {
    for (const exchange of moving.keys()) if (!this.#isInFlight(exchange)) moving.delete(exchange);
    for (const exchange of leaving) {
      if (this.#isInFlight(exchange)) break;
      leaving.delete(exchange);
    }
  }

  #drain(change: Change): void {
    const { moving, leaving, staged, next } = change;
    const nowMs = this.#context.http2.turn.begin();
    change.drainsSinceMs ??= nowMs;
    const reason = `the key moves: ${this.#cluster} goes from version ${this.#keeper.owners().version ?? 0} to version ${staged.to}`;
    const leavers: Leaver[] = [];
    const hasToLeave = (exchange: Exchange): boolean => this.#isInFlight(exchange) && exchange.hasMovedIn(next);
    for (const [exchange, isWatch] of moving) {
      if (leavers.length >= TOLD_TO_LEAVE_A_TICK) break;
      if (!isWatch && !isOld(exchange, nowMs, this.#context)) continue;
      moving.delete(exchange);
      leaving.add(exchange);
      leavers.push({ exchange, reason, isWatch: true, hasToLeave });
    }
    if (leavers.length > 0) this.#keeper.drain(leavers, change.drainsSinceMs);
  }

  /** What waits elsewhere to be sent to the old owner waits here for the new one. */
  #takeBackUnsent({ moving, staged: { step } }: Change): void {
    for (const exchange of moving.keys()) {
      if (exchange.isSent || !this.#isInFlight(exchange) || !waitsAt(step, exchange)) continue;
      moving.delete(exchange);
      this.#room.add(exchange, 0);
    }
  }

  /** Resolves once a step is done here, or false where another has begun. */
  settled(attempt: number, step: string): Promise<boolean> {
    return new Promise((done) => {
      this.#onSettled.push({ attempt, step, done });
      this.#answerSettled();
    });
  }

  #answerSettled(): void {
    this.#onSettled = this.#onSettled.filter(({ attempt, step, done }) => {
      const change = this.#change;
      if (change === null || change.staged.attempt !== attempt || change.staged.step !== step) done(false);
      else if (this.#isDone(change)) done(true);
      else return true;
      return false;
    });
  }

  #isDone({ seenAll, moving, leaving, staged: { step } }: Change): boolean {
    if (!seenAll) return false;
    if (step === 'stage') return true;
    for (const exchange of leaving) if (this.#isInFlight(exchange)) return false;
    const nowMs = this.#context.http2.turn.begin();
    for (const [exchange, isWatch] of moving) {
      const matters = step === 'hold' || isWatch || isOld(exchange, nowMs, this.#context);
      if (matters && this.#isInFlight(exchange)) return false;
    }
    return true;
  }

  #isInFlight(exchange: Exchange): boolean {
    return exchange.isOpen && !this.holds(exchange);
  }

  // ---- those who wait --------------------------------------------------------------------------------------------

  #lookAtAll(): void {
    this.#room.look((exchange, version) => this.#mayGo(exchange, version));
  }

  /** @param version that a shard has spoken of; 0: none has */
  #mayGo(exchange: Exchange, version: number): boolean {
    if (this.#context.http2.turn.begin() >= (this.#until[0] as number)) return false;
    const owners = this.#keeper.owners();
    if ((owners.version ?? 0) < version || !exchange.findOwnerIn(owners)) return false;
    const change = this.#change;
    return change === null || !exchange.hasMovedIn(change.next) || !waitsAt(change.staged.step, exchange);
  }

  #lookAtLease(): void {
    const isOpen = this.#context.http2.turn.begin() < (this.#until[0] as number);
    if (isOpen && !this.#wasOpen) this.#lookAtAll();
    this.#wasOpen = isOpen;
  }

  // ---- the lease -------------------------------------------------------------------------------------------------

  /** Cuts what is in flight when the lease is about to end: nobody may be served by what others have given away. */
  #watchLease(): void {
    const cutAtMs = this.#until[1] as number;
    const nowMs = this.#context.http2.turn.begin();
    if (cutAtMs !== Number.POSITIVE_INFINITY && nowMs >= cutAtMs && this.#wasServing) {
      this.#wasServing = false;
      void this.#keeper.visitOpen((exchange) => {
        if (exchange.isOpen && !this.holds(exchange)) exchange.refuse(localReply.noLease(this.#cluster));
      });
    } else if (nowMs < cutAtMs) this.#wasServing = true;
    const waitMs = Math.min(LEASE_TICK_MS, Math.max(1, cutAtMs - nowMs));
    this.#cutTimer = setTimeout(() => this.#watchLease(), this.#wasServing ? waitMs : LEASE_TICK_MS);
    this.#cutTimer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    clearTimeout(this.#cutTimer);
    this.#room.stop();
  }
}

/** No rarer than a lease may have come to its end that was not needed before. */
const LEASE_TICK_MS = 1000;

/** Notes a request of a key that moves as one that is sent to its old owner. */
function note({ moving }: Change, exchange: Exchange): void {
  moving.set(exchange, exchange.isWatch);
  // The shard may give the key up before this router knows: then the request is sent to the next owner.
  exchange.keepContent();
}

function waitsAt(step: StagedCluster['step'], exchange: Exchange): boolean {
  return step === 'hold' || (step === 'drain' && exchange.isWatch);
}

/** Open for so long that it is taken for a watch. */
function isOld(exchange: Exchange, nowMs: number, { drain }: RouterContext): boolean {
  return exchange.ageMs(nowMs) >= drain.longLivedAfterMs;
}
