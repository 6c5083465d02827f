import type { StagedCluster } from '../../../topology/index.ts';
import type { CoreContext } from '../context.ts';
import type { Leaver } from '../drain/drainer.ts';
import { Change } from './change.ts';
import type { GatedRequest } from './gated-request.ts';
import { KnownRequests, type VisitOpen } from './known-requests.ts';
import { LeaseWatch, type ServesUntil } from './lease-watch.ts';
import type { Owners } from './owners.ts';
import type { RequestGate } from './request-gate.ts';
import { WaitingRoom } from './waiting-room.ts';

/** What the gate needs of its router. */
export interface GateKeeper {
  /** The owners in the cluster now. */
  owners(): Owners;
  readonly visitOpen: VisitOpen;
  /** @param sinceMs when the window began within which they have to leave */
  drain(leavers: readonly Leaver[], sinceMs: number): void;
  /** They leave now, all of a key in the same turn. */
  end(leavers: readonly Leaver[]): void;
  /** Refuses what is in flight to the cluster, and sees to it that nothing more of it is sent. */
  cut(): void;
}

/** How often the gate looks whether requests in flight have ended, while others wait for that. */
const HOLD_TICK_MS = 2;
/** The same while no request waits. */
const DRAIN_TICK_MS = 20;
/** Of what may wait: those for a dead shard wait through the whole drain, which takes many times as long as others are held, and leave them room. */
const FOR_DEAD = 0.25;

/**
 * Stands between the requests to a cluster of the registry and their owners: lets through what may be sent now. During a
 * handoff what moves has to wait, and so has everything once the router's lease has run out.
 */
export class Gate implements RequestGate {
  readonly heedsShards = true;
  readonly token = 0;
  readonly #context: CoreContext;
  readonly #cluster: string;
  readonly #keeper: GateKeeper;
  readonly #room: WaitingRoom;
  /** Where those wait whose owner is dead. */
  readonly #roomForDead: WaitingRoom;
  readonly #lease: LeaseWatch;
  readonly #open: KnownRequests;
  #change: Change | null = null;
  /** The table by which the owners were found that requests have. */
  #build = 0;
  #wasOpen = false;
  #timer: NodeJS.Timeout | null = null;
  #onSettled: Array<{ readonly attempt: number; readonly step: string; readonly done: (reached: boolean) => void }> =
    [];

  constructor(context: CoreContext, cluster: string, until: ServesUntil, keeper: GateKeeper) {
    this.#context = context;
    this.#cluster = cluster;
    this.#keeper = keeper;
    this.#lease = new LeaseWatch(context.turn, until, () => keeper.cut());
    this.#open = new KnownRequests(keeper.visitOpen);
    const onTick = (): void => this.#letInAfterOutage();
    this.#room = new WaitingRoom(context, cluster, onTick);
    this.#roomForDead = new WaitingRoom(context, cluster, onTick, FOR_DEAD);
  }

  get waiting(): number {
    return this.#room.size + this.#roomForDead.size;
  }

  /** How many watches are open whose keys move by what is staged, as far as they were found. */
  get movingWatches(): number {
    return this.#change?.watches ?? 0;
  }

  /** See `Change.isQuiet`. */
  get isQuiet(): boolean {
    return this.#change?.isQuiet(this.#now()) ?? false;
  }

  /** Whether all that moves by a table waits here, and nothing of it is in flight. @param build the table's */
  hasHandedOverTo(build: number): boolean {
    const change = this.#change;
    return change?.next.build === build && change.staged.step === 'hold' && change.isDone(this.#now());
  }

  holds(request: GatedRequest): boolean {
    return request.isIn(this.#room) || request.isIn(this.#roomForDead);
  }

  #wait(request: GatedRequest): void {
    // Once all are held, those for a dead shard wait no longer than others.
    const isForDead = this.#change?.staged.step === 'drain' && this.#change.isForDead(request);
    (isForDead ? this.#roomForDead : this.#room).add(request, 0);
  }

  // ---- which requests may be sent --------------------------------------------------------------------------------

  /**
   * Whether a request may be sent now to its owner, which was found in this turn; otherwise it waits here, or was refused. This
   * and `readmits` alone decide it.
   */
  admits(request: GatedRequest): boolean {
    if (this.#lease.admitsAt(this.#context.turn.nowMs)) {
      const change = this.#change;
      const moves = change?.moves(request) === true;
      if (!moves || !change.hasToWait(request)) {
        if (moves) this.#note(change, request);
        this.#open.add(request);
        return true;
      }
    } else this.#wasOpen = false;
    this.#wait(request);
    return false;
  }

  /** The same for one that has waited, or was sent before: it may have another owner by now. */
  readmits(request: GatedRequest): boolean {
    if (this.#mayGo(request, 0)) {
      const change = this.#change;
      if (change?.moves(request)) this.#note(change, request);
      this.#open.add(request);
      return true;
    }
    if (request.isOpen) this.#wait(request);
    return false;
  }

  /** Finds a request's owner again. @param version that a shard has named; 0: none has */
  #mayGo(request: GatedRequest, version: number): boolean {
    if (!this.#lease.admitsAt(this.#now())) return false;
    const owners = this.#keeper.owners();
    if ((owners.version ?? 0) < version || !request.findOwnerIn(owners)) return false;
    const change = this.#change;
    return change === null || !change.moves(request) || !change.hasToWait(request);
  }

  #note(change: Change, request: GatedRequest): void {
    change.note(request);
    // Where a change goes back, the shard may hear of it later than this router, and refuse what it has given up until then.
    request.keepContent();
  }

  /** A shard says that it has given a request's key up by a version: it waits until that is known here, or tries again. */
  onStale(request: GatedRequest, version: number): void {
    this.#change?.forget(request);
    if ((this.#keeper.owners().version ?? 0) >= version) request.proceed();
    else this.#room.add(request, version);
  }

  onContent(request: GatedRequest, bytes: number): void {
    const room = request.isIn(this.#roomForDead) ? this.#roomForDead : this.#room;
    room.onContent(request, bytes);
  }

  #lookAtAll(): void {
    for (const room of [this.#room, this.#roomForDead]) room.look((request, version) => this.#mayGo(request, version));
  }

  /** The control plane may have said that the router serves no more, or that what it serves was given to others. */
  lookAtLease(): void {
    this.#lease.look();
  }

  #letInAfterOutage(): void {
    const isOpen = this.#lease.admitsAt(this.#now());
    if (isOpen && !this.#wasOpen) this.#lookAtAll();
    this.#wasOpen = isOpen;
  }

  #now(): number {
    return this.#context.turn.begin();
  }

  // ---- a change of version ---------------------------------------------------------------------------------------

  /** The table has changed, or what is staged beside it. @param next by what is staged; null: nothing is */
  changed(staged: StagedCluster | null, next: Owners | null): void {
    const before = this.#change;
    const { build } = this.#keeper.owners();
    // Other than by a handoff, requests keep owners that their keys no longer have.
    if (build !== this.#build && !this.hasHandedOverTo(build)) this.#open.forget();
    this.#build = build;
    if (staged === null || next === null) this.#end();
    else if (before?.next.build === next.build) before.goOn(staged);
    else this.#begin(new Change(staged, next, this.#context.drain));
    if (before !== null && before !== this.#change) before.isOver = true;
    this.#answerSettled();
    this.#lookAtAll();
    this.#act();
  }

  #begin(change: Change): void {
    this.#change = change;
    const owners = this.#keeper.owners();
    const lookAt = (request: GatedRequest): void => {
      const isUnderWay = request.isSent || (request.isOpen && !this.holds(request));
      if (this.#change === change && isUnderWay && change.moves(request)) change.note(request);
    };
    const learnt = this.#open.learn((request) => request.hasMovedIn(owners), lookAt);
    const seen = learnt ?? this.#open.visit(change.staged.positions, lookAt);
    seen.then(() => {
      change.seenAll = true;
      this.#act();
    });
  }

  #end(): void {
    this.#change = null;
    this.#open.forgetLater();
  }

  /** Does what the step asks for, as far as that can be done now, and looks again as long as it is not done. */
  #act(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const change = this.#change;
    if (change === null) return;
    const { step } = change.staged;
    if (step !== 'stage') {
      // What waits elsewhere to be sent to the old owner waits here for the new one.
      for (const request of change.takeUnsent()) this.#wait(request);
      change.forgetOver();
    }
    if (change.seenAll && step === 'drain') this.#drain(change);
    if (change.seenAll && step === 'hold') this.#endWatches(change);
    this.#answerSettled();
    if (step === 'stage') return;
    this.#timer = setTimeout(() => this.#act(), step === 'hold' ? HOLD_TICK_MS : DRAIN_TICK_MS);
  }

  #drain(change: Change): void {
    const nowMs = this.#now();
    change.holdAgain(nowMs);
    const { leavers, sinceMs } = change.leavers(nowMs, this.#reasonOf(change));
    if (leavers.length > 0) this.#keeper.drain(leavers, sinceMs);
    else if (change.findSlow(nowMs)) this.#lookAtAll();
  }

  /** Watches that have not ended before end next to the commit, so that their clients miss as little as can be. */
  #endWatches(change: Change): void {
    const leavers = change.leaversNow(this.#now(), this.#reasonOf(change));
    if (leavers.length > 0) this.#keeper.end(leavers);
  }

  #reasonOf({ staged }: Change): string {
    const { version } = this.#keeper.owners();
    return `the key moves: ${this.#cluster} goes from version ${version ?? 0} to version ${staged.to}`;
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
      else if (change.isDone(this.#now())) done(true);
      else return true;
      return false;
    });
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#open.stop();
    this.#lease.stop();
    this.#room.stop();
    this.#roomForDead.stop();
  }
}
