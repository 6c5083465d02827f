import type { StagedCluster } from '../../../topology/index.ts';
import type { Exchange } from '../../http/exchange.ts';
import type { ClusterOwners } from '../../http/routing.ts';
import type { Leaver } from '../drain/drainer.ts';

/** Less than a millisecond's work. */
const TOLD_TO_LEAVE_A_TICK = 1000;
/**
 * A call that takes longer is waited for before anything is held, so that neighbours need not wait with it; longer than most
 * take, and no longer than is hardly felt by those who wait.
 */
const SLOW_MS = 100;

/** The next step follows within so long, its rest included, unless somebody is stopped or cut off. */
const HELD_KEYS_MS = 2000;

/** A change of version as a thread takes part in it: which of its requests are for keys that move, and who is waited for. */
export class Change {
  #staged: StagedCluster;
  /** Who owns what by it. */
  readonly next: ClusterOwners;
  /** Everybody who was under way when it began has been looked at. */
  seenAll = false;
  readonly #longLivedAfterMs: number;
  /** Those under way whose keys move, and whether their routes call them watches. */
  readonly #moving = new Map<Exchange, boolean>();
  /** Those that were told to leave, in the order in which they will: ten thousand are not to be looked at every time. */
  readonly #leaving = new Set<Exchange>();
  /** When the first were told. */
  #drainsSinceMs: number | null = null;
  /** Slow calls that were found, and their keys. */
  readonly #slow = new WeakSet<Exchange>();
  readonly #slowKeys = new Set<string>();
  /** Keys with one slow call after another: new calls to them wait, or it would never end. */
  readonly #heldKeys = new Set<string>();
  /** Since when this thread has waited for nothing but others, whatever steps there were meanwhile. */
  #quietSinceMs: number | null = null;

  constructor(staged: StagedCluster, next: ClusterOwners, longLivedAfterMs: number) {
    this.#staged = staged;
    this.next = next;
    this.#longLivedAfterMs = longLivedAfterMs;
  }

  get staged(): StagedCluster {
    return this.#staged;
  }

  /** Another step begins. Where requests were held in vain, new calls to the keys that this thread was late with wait on. */
  goOn(staged: StagedCluster): void {
    const isBack = this.#staged.step === 'hold' && staged.step !== 'hold';
    this.#staged = staged;
    if (!isBack) return;
    for (const [exchange, isWatch] of this.#moving) {
      if (isWatch || !exchange.isSent) continue;
      this.#heldKeys.add(exchange.keyText);
      this.#quietSinceMs = null;
    }
  }

  moves(exchange: Exchange): boolean {
    return exchange.hasMovedIn(this.next);
  }

  /** Whether a request whose key moves has to wait to be sent. */
  hasToWait(exchange: Exchange): boolean {
    const { step } = this.staged;
    if (step !== 'drain') return step === 'hold';
    return exchange.isWatch || (this.#heldKeys.size > 0 && this.#heldKeys.has(exchange.keyText));
  }

  /** Notes a request whose key moves as one that its old owner has, or is about to get. */
  note(exchange: Exchange): void {
    this.#moving.set(exchange, exchange.isWatch);
  }

  forget(exchange: Exchange): void {
    this.#moving.delete(exchange);
  }

  /** Those that are not sent yet, and have to wait for the new owner: they are noted no more. */
  takeUnsent(): Exchange[] {
    const taken: Exchange[] = [];
    for (const exchange of this.#moving.keys())
      if (exchange.isOpen && !exchange.isSent && this.hasToWait(exchange)) taken.push(exchange);
    for (const exchange of taken) this.#moving.delete(exchange);
    return taken;
  }

  forgetOver(): void {
    for (const exchange of this.#moving.keys()) {
      if (exchange.isOpen) continue;
      // Once it is answered nobody needs the rest of it.
      exchange.stopSending();
      this.#moving.delete(exchange);
    }
    for (const exchange of this.#leaving) {
      if (exchange.isSent) break;
      this.#leaving.delete(exchange);
    }
  }

  /** Those that are to leave next, and since when the first had to. */
  leavers(nowMs: number, reason: string): { readonly leavers: readonly Leaver[]; readonly sinceMs: number } {
    this.#drainsSinceMs ??= nowMs;
    const sinceMs = this.#drainsSinceMs;
    const leavers: Leaver[] = [];
    const hasToLeave = (exchange: Exchange): boolean => exchange.isSent && this.moves(exchange);
    for (const [exchange, isWatch] of this.#moving) {
      if (leavers.length >= TOLD_TO_LEAVE_A_TICK) break;
      if (!isWatch && !this.#isOld(exchange, sinceMs, nowMs)) continue;
      this.#moving.delete(exchange);
      this.#leaving.add(exchange);
      // Its client comes back at once, and would be there for as long again.
      if (!isWatch) this.#heldKeys.add(exchange.keyText);
      leavers.push({ exchange, reason, isWatch: true, hasToLeave });
    }
    return { leavers, sinceMs };
  }

  /**
   * Looks for slow calls once the watches have left. A key with one after another would put the change off for ever: from the
   * second on new calls to the key wait, for as long as this thread is what the change waits for.
   * @returns whether those that wait for a key are to be let go, because others are late
   */
  findSlow(nowMs: number): boolean {
    if (this.#leaving.size > 0) return false;
    for (const [exchange, isWatch] of this.#moving) {
      if (isWatch || !isSlow(exchange, nowMs) || this.#slow.has(exchange)) continue;
      this.#slow.add(exchange);
      const { keyText } = exchange;
      if (this.#slowKeys.has(keyText)) this.#heldKeys.add(keyText);
      this.#slowKeys.add(keyText);
    }
    this.#quietSinceMs = this.isDone(nowMs) ? (this.#quietSinceMs ?? nowMs) : null;
    const isOver = this.#quietSinceMs !== null && nowMs - this.#quietSinceMs >= HELD_KEYS_MS && this.#heldKeys.size > 0;
    if (isOver) this.#heldKeys.clear();
    return isOver;
  }

  /** Whether its step is done by this thread. */
  isDone(nowMs: number): boolean {
    if (!this.seenAll) return false;
    const { step } = this.staged;
    if (step === 'stage') return true;
    for (const exchange of this.#leaving) if (exchange.isSent) return false;
    for (const [exchange, isWatch] of this.#moving) {
      const matters = step === 'hold' || isWatch || isSlow(exchange, nowMs);
      if (matters && exchange.isSent) return false;
    }
    return true;
  }

  /** Open for so long that it is taken for a watch. One without an answer is an upload rather, and has as long again to end. */
  #isOld(exchange: Exchange, drainsSinceMs: number, nowMs: number): boolean {
    if (exchange.ageMs(nowMs) < this.#longLivedAfterMs) return false;
    return exchange.isBeingAnswered || nowMs - drainsSinceMs >= this.#longLivedAfterMs;
  }
}

function isSlow(exchange: Exchange, nowMs: number): boolean {
  return exchange.ageMs(nowMs) >= SLOW_MS;
}
