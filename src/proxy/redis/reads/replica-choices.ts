import type { Upstream } from '../../core/owner/upstream.ts';

/** A replica, as far as it is chosen by that. */
export interface Choice extends Pick<Upstream, 'health'> {
  readonly pool: {
    /** Requests that are at it, or wait for a connection to it. */
    readonly underWay: number;
    /** It owes an answer, and has sent nothing for a second or two. */
    readonly isSilent: boolean;
  };
}

/** How much the latest answer counts in a replica's smoothed time to answer. */
const SMOOTHING = 0.1;
/** A replica that has failed is asked nothing for so long; after each failure in a row twice as long, up to the longest time. */
const FIRST_AVOIDED_MS = 500;
const LONGEST_AVOIDED_MS = 30_000;

interface State {
  /** Smoothed; null as long as it has answered nothing. */
  answersInMs: number | null;
  failuresInARow: number;
  avoidedUntilMs: number;
}

/** Which replica a thread asks next. */
export class ReplicaChoices {
  readonly #states = new WeakMap<Choice, State>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Of those that are likely to answer two at random, and of these the one that is likely to answer sooner, so that near ones have most to do and none is forgotten.
   * @param tried are left out
   * @param hasElse another server can answer: where none is likely to answer, none is chosen
   * @returns null where none is healthy
   */
  choose<Replica extends Choice>(
    replicas: readonly Replica[],
    tried: ReadonlySet<Replica>,
    nowMs: number,
    hasElse: boolean,
  ): Replica | null {
    const left = replicas.filter((each) => !tried.has(each) && this.#isUsable(each, nowMs));
    const likely = left.filter((each) => this.#isLikelyToAnswer(each));
    const usable = likely.length > 0 || hasElse ? likely : left;
    const one = usable[Math.floor(this.#random() * usable.length)] ?? null;
    if (one === null || usable.length < 2) return one;
    const others = usable.filter((each) => each !== one);
    const other = others[Math.floor(this.#random() * others.length)] as Replica;
    return this.#costOf(other) < this.#costOf(one) ? other : one;
  }

  #isUsable(replica: Choice, nowMs: number): boolean {
    const state = this.#states.get(replica);
    if (state !== undefined && nowMs < state.avoidedUntilMs) return false;
    return replica.health === null || replica.health.faultAt(nowMs) === null;
  }

  /** Not where it owes an answer for long; after a failure one read at a time shows whether it does again. */
  #isLikelyToAnswer(replica: Choice): boolean {
    if (replica.pool.isSilent) return false;
    return (this.#states.get(replica)?.failuresInARow ?? 0) === 0 || replica.pool.underWay === 0;
  }

  #costOf(replica: Choice): number {
    const answersInMs = this.#states.get(replica)?.answersInMs ?? null;
    const { underWay } = replica.pool;
    // A new one is tried, by one read: it may never answer.
    if (answersInMs === null) return underWay === 0 ? 0 : Number.POSITIVE_INFINITY;
    return answersInMs * (1 + underWay);
  }

  onAnswer(replica: Choice, tookMs: number): void {
    const state = this.#stateOf(replica);
    state.failuresInARow = 0;
    state.answersInMs =
      state.answersInMs === null ? tookMs : state.answersInMs + SMOOTHING * (tookMs - state.answersInMs);
  }

  /** It could not be reached, or is of no use to readers. */
  onFailure(replica: Choice, nowMs: number): void {
    const state = this.#stateOf(replica);
    // All that were under way at it tell of one failure.
    if (nowMs < state.avoidedUntilMs) return;
    const avoidedMs = Math.min(LONGEST_AVOIDED_MS, FIRST_AVOIDED_MS * 2 ** state.failuresInARow);
    state.failuresInARow++;
    state.avoidedUntilMs = nowMs + avoidedMs;
  }

  #stateOf(replica: Choice): State {
    const known = this.#states.get(replica);
    if (known !== undefined) return known;
    const made: State = { answersInMs: null, failuresInARow: 0, avoidedUntilMs: 0 };
    this.#states.set(replica, made);
    return made;
  }
}
