import type { StagedCluster } from '../../../topology/index.ts';
import type { DrainDescription } from '../drain/drain.ts';
import type { Leaver } from '../drain/drainer.ts';
import type { GatedRequest } from './gated-request.ts';
import type { Owners } from './owners.ts';

/** Less than a millisecond's work. They are told so often that all who leave at once are told in a few turns. */
const MAX_LEAVERS_PER_TICK = 1000;

/** The next step follows within this time, its rest included, unless a process is stopped or cut off. */
const HELD_KEYS_MS = 2000;
/** Calls to held keys wait for at most so long at a time for what is waited for itself: less than any request waits by default. */
const MOST_HELD_MS = 16_000;
/** For how long they go on then: a call that calls its own key soon has its answer by that time. */
const LETS_GO_MS = 100;
/** Other routers may have calls in flight as long as those here were, and find that they are slow meanwhile. */
const CALLS_HELD = 2;

/**
 * A change of version as a thread takes part in it: which of its requests are for keys that move, and which it waits
 * for.
 */
export class Change {
  #staged: StagedCluster;
  /** The owners in it. */
  readonly next: Owners;
  /** Every request that was under way when it began has been looked at. */
  seenAll = false;
  /** It has come to its end, one way or the other: no stream has to leave for it any more. */
  isOver = false;
  readonly #longLivedAfterMs: number;
  readonly #slowAfterMs: number;
  /** Those under way whose keys move, and whether their routes call them watches. */
  readonly #moving = new Map<GatedRequest, boolean>();
  /** How many watches were told to leave at once. */
  #left = 0;
  /** Those that were told to leave, in the order in which they will: ten thousand need not be looked at every time. */
  readonly #leaving = new Set<GatedRequest>();
  /** When the first were told. */
  #drainsSinceMs: number | null = null;
  /** Slow calls that were found, and their keys. */
  readonly #slow = new WeakSet<GatedRequest>();
  readonly #slowKeys = new Set<string>();
  /** Keys with one slow call after another: new calls to them wait, or it would never end. */
  readonly #heldKeys = new Set<string>();
  /** The longest that one of the slow calls has taken so far. */
  #slowestMs = 0;
  /** Since when calls to held keys have waited though what this thread waits for has not ended. */
  #heldSinceMs: number | null = null;
  #heldForMs = HELD_KEYS_MS;
  /** Until when they go on, though their keys are held. */
  #letsGoUntilMs: number | null = null;
  /** Since when this thread has waited for nothing but others, whatever steps there were meanwhile. */
  #quietSinceMs: number | null = null;

  constructor(
    staged: StagedCluster,
    next: Owners,
    { longLivedAfterMs, slowAfterMs }: Pick<DrainDescription, 'longLivedAfterMs' | 'slowAfterMs'>,
  ) {
    this.#staged = staged;
    this.next = next;
    this.#longLivedAfterMs = longLivedAfterMs;
    this.#slowAfterMs = slowAfterMs;
  }

  get staged(): StagedCluster {
    return this.#staged;
  }

  /** Another step begins. Where requests were held in vain, new calls to the keys that this thread was late with wait on. */
  goOn(staged: StagedCluster): void {
    const isBack = this.#staged.step === 'hold' && staged.step !== 'hold';
    this.#staged = staged;
    if (!isBack) return;
    this.#letsGoUntilMs = null;
    this.#heldSinceMs = null;
    for (const [request, isWatch] of this.#moving) {
      if (isWatch || !request.isSent) continue;
      this.#heldKeys.add(request.keyText);
      this.#quietSinceMs = null;
    }
  }

  moves(request: GatedRequest): boolean {
    return request.hasMovedIn(this.next);
  }

  /** Whether the shard is dead that a request goes to by what is current, or a replica of which is asked in its place. */
  isForDead({ owner }: GatedRequest): boolean {
    const { lost = [] } = this.staged;
    return lost.length > 0 && owner !== null && lost.includes(owner.shard);
  }

  /** Whether a request whose key moves has to wait to be sent. */
  hasToWait(request: GatedRequest): boolean {
    const { step, watchesEnd } = this.staged;
    if (step !== 'drain') return step === 'hold';
    return (
      this.isForDead(request) ||
      (request.isWatch && watchesEnd === 'drain') ||
      (this.#letsGoUntilMs === null && this.#heldKeys.size > 0 && this.#heldKeys.has(request.keyText))
    );
  }

  /** How many watches are under way whose keys move, with those that have left at once for this change. */
  get watches(): number {
    let count = this.#left;
    for (const isWatch of this.#moving.values()) if (isWatch) count++;
    return count;
  }

  /** Whether requests could be held at once: none of the calls whose keys move takes long. */
  isQuiet(nowMs: number): boolean {
    for (const [request, isWatch] of this.#moving)
      if (!isWatch && request.isSent && this.#isSlow(request, nowMs) && !this.#isOld(request, nowMs)) return false;
    return this.seenAll;
  }

  /** Notes a request whose key moves as one that its old owner has, or is about to get. */
  note(request: GatedRequest): void {
    // A replayed watch that had left comes back to its old owner where requests were held in vain.
    this.#leaving.delete(request);
    this.#moving.set(request, request.isWatch);
  }

  forget(request: GatedRequest): void {
    this.#moving.delete(request);
  }

  /** Those that are not sent yet, and have to wait for the new owner: they are noted no more. */
  takeUnsent(): GatedRequest[] {
    const taken: GatedRequest[] = [];
    for (const request of this.#moving.keys())
      if (request.isOpen && !request.isSent && this.hasToWait(request)) taken.push(request);
    for (const request of taken) this.#moving.delete(request);
    return taken;
  }

  forgetOver(): void {
    for (const request of this.#moving.keys()) {
      if (request.isOpen) continue;
      // Once it is answered, the rest of it is not needed.
      request.stopSending();
      // Its client may have gone while its owner still carries it out.
      if (!request.isSent) this.#moving.delete(request);
    }
    for (const request of this.#leaving) {
      if (request.isSent) break;
      this.#leaving.delete(request);
    }
  }

  /** Those that have to leave next, over a while, and since when the first had to. */
  leavers(nowMs: number, reason: string): { readonly leavers: readonly Leaver[]; readonly sinceMs: number } {
    this.#drainsSinceMs ??= nowMs;
    const leavers: Leaver[] = [];
    if (this.staged.watchesEnd === 'drain')
      for (const [request, isWatch] of this.#moving) {
        if (leavers.length >= MAX_LEAVERS_PER_TICK) break;
        if (isWatch || this.#isOld(request, nowMs)) leavers.push(this.#leaver(request, isWatch, reason));
      }
    return { leavers, sinceMs: this.#drainsSinceMs };
  }

  /** Those that have to leave at once, while requests are held. */
  leaversNow(nowMs: number, reason: string): readonly Leaver[] {
    if (this.staged.watchesEnd === 'drain') return [];
    const leavers: Leaver[] = [];
    for (const [request, isWatch] of this.#moving) {
      if (!request.isSent || !(isWatch || this.#isOld(request, nowMs))) continue;
      leavers.push(this.#leaver(request, isWatch, reason));
      if (isWatch) this.#left++;
    }
    return leavers;
  }

  /** Notes a request as one that is told to leave. */
  #leaver(request: GatedRequest, isWatch: boolean, reason: string): Leaver {
    this.#moving.delete(request);
    this.#leaving.add(request);
    const key = request.keyText;
    // Its client comes back at once, and would be there for as long again.
    if (!isWatch) this.#heldKeys.add(key);
    return {
      request,
      key,
      reason,
      isWatch: true,
      hasToLeave: () => !this.isOver && request.isSent && this.moves(request),
    };
  }

  /**
   * Looks for slow calls once the watches have left. A key with one slow call after another would put the change off
   * for ever: from the second slow call on, new calls to the key wait, for as long as this thread is what the change
   * waits for.
   * @returns whether to let the requests go that wait for a key: other threads or routers are late, or what is waited for may wait for them
   */
  findSlow(nowMs: number): boolean {
    if (this.#leaving.size > 0) return false;
    for (const [request, isWatch] of this.#moving) {
      if (isWatch || !this.#isSlow(request, nowMs)) continue;
      if (request.isSent) this.#slowestMs = Math.max(this.#slowestMs, request.ageMs(nowMs));
      if (this.#slow.has(request)) continue;
      this.#slow.add(request);
      const { keyText } = request;
      if (this.#slowKeys.has(keyText)) this.#heldKeys.add(keyText);
      this.#slowKeys.add(keyText);
    }
    const isDone = this.isDone(nowMs);
    this.#quietSinceMs = isDone ? (this.#quietSinceMs ?? nowMs) : null;
    const heldMs = Math.max(HELD_KEYS_MS, CALLS_HELD * this.#slowestMs);
    const isOver = this.#quietSinceMs !== null && nowMs - this.#quietSinceMs >= heldMs && this.#heldKeys.size > 0;
    if (isOver) this.#heldKeys.clear();
    return isOver || this.#letsGo(nowMs, isDone);
  }

  /**
   * A call that is waited for may have called its own key, and wait for that call, which waits here: where it does not end, those that wait go on
   * for a moment, each time after a longer while.
   * @returns whether they go on from now on
   */
  #letsGo(nowMs: number, isDone: boolean): boolean {
    if (this.#letsGoUntilMs !== null) return false;
    if (isDone || this.#heldKeys.size === 0) {
      this.#heldSinceMs = null;
      return false;
    }
    this.#heldSinceMs ??= nowMs;
    if (nowMs - this.#heldSinceMs < this.#heldForMs) return false;
    this.#heldForMs = Math.min(MOST_HELD_MS, 2 * this.#heldForMs);
    this.#letsGoUntilMs = nowMs + LETS_GO_MS;
    return true;
  }

  /** Calls to held keys wait again once the moment is over for which they went on. */
  holdAgain(nowMs: number): void {
    if (this.#letsGoUntilMs === null || nowMs < this.#letsGoUntilMs) return;
    this.#letsGoUntilMs = null;
    this.#heldSinceMs = null;
  }

  /** Whether its step is done by this thread. */
  isDone(nowMs: number): boolean {
    if (!this.seenAll) return false;
    const { step } = this.staged;
    if (step === 'stage') return true;
    for (const request of this.#leaving) if (request.isSent) return false;
    for (const [request, isWatch] of this.#moving) {
      if (request.isSent && (step === 'hold' || this.#isWaitedFor(request, isWatch, nowMs))) return false;
    }
    return true;
  }

  /** Whether requests are held only once one has ended: a watch that leaves before, or a slow call. */
  #isWaitedFor(request: GatedRequest, isWatch: boolean, nowMs: number): boolean {
    if (this.staged.watchesEnd === 'drain') return isWatch || this.#isSlow(request, nowMs);
    return !isWatch && this.#isSlow(request, nowMs) && !this.#isOld(request, nowMs);
  }

  /** Has been open long enough to count as a watch. One without an answer is an upload rather, and has as long again to end. */
  #isOld(request: GatedRequest, nowMs: number): boolean {
    if (request.ageMs(nowMs) < this.#longLivedAfterMs) return false;
    return request.isBeingAnswered || nowMs - (this.#drainsSinceMs ?? nowMs) >= this.#longLivedAfterMs;
  }

  /** A call to a key for which requests were held in vain is waited for as well: otherwise they would be again. */
  #isSlow(request: GatedRequest, nowMs: number): boolean {
    if (request.ageMs(nowMs) >= this.#slowAfterMs) return true;
    return this.#heldKeys.size > 0 && this.#heldKeys.has(request.keyText);
  }
}
