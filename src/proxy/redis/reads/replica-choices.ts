import type { Upstream } from '../../core/owner/upstream.ts';

/** How much the latest answer counts in a replica's smoothed time to answer. */
const SMOOTHING = 0.1;
/** A replica that has failed is asked nothing for so long; after each failure in a row twice as long, up to the longest time. */
const FIRST_AVOIDED_MS = 500;
const LONGEST_AVOIDED_MS = 30_000;

interface State {
  /** Smoothed; 0 as long as it has answered nothing, so that a new one is tried. */
  answersInMs: number;
  failuresInARow: number;
  avoidedUntilMs: number;
}

/** Which replica a thread asks next. */
export class ReplicaChoices {
  readonly #states = new WeakMap<Upstream, State>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Of two at random the one that is likely to answer sooner, so that near ones have most to do and none is forgotten.
   * @param tried are left out
   * @returns null where none is healthy
   */
  choose<Replica extends Upstream>(
    replicas: readonly Replica[],
    tried: ReadonlySet<Replica>,
    nowMs: number,
  ): Replica | null {
    const usable = replicas.filter((each) => !tried.has(each) && this.#isUsable(each, nowMs));
    const one = usable[Math.floor(this.#random() * usable.length)] ?? null;
    if (one === null || usable.length < 2) return one;
    const others = usable.filter((each) => each !== one);
    const other = others[Math.floor(this.#random() * others.length)] as Replica;
    return this.#costOf(other) < this.#costOf(one) ? other : one;
  }

  #isUsable(replica: Upstream, nowMs: number): boolean {
    const state = this.#states.get(replica);
    if (state !== undefined && nowMs < state.avoidedUntilMs) return false;
    return replica.health === null || replica.health.faultAt(nowMs) === null;
  }

  #costOf(replica: Upstream): number {
    return (this.#states.get(replica)?.answersInMs ?? 0) * (1 + replica.pool.openStreams);
  }

  onAnswer(replica: Upstream, tookMs: number): void {
    const state = this.#stateOf(replica);
    state.failuresInARow = 0;
    state.answersInMs = state.answersInMs === 0 ? tookMs : state.answersInMs + SMOOTHING * (tookMs - state.answersInMs);
  }

  /** It could not be reached, or is of no use to readers. */
  onFailure(replica: Upstream, nowMs: number): void {
    const state = this.#stateOf(replica);
    // All that were under way at it tell of one failure.
    if (nowMs < state.avoidedUntilMs) return;
    const avoidedMs = Math.min(LONGEST_AVOIDED_MS, FIRST_AVOIDED_MS * 2 ** state.failuresInARow);
    state.failuresInARow++;
    state.avoidedUntilMs = nowMs + avoidedMs;
  }

  #stateOf(replica: Upstream): State {
    const known = this.#states.get(replica);
    if (known !== undefined) return known;
    const made: State = { answersInMs: 0, failuresInARow: 0, avoidedUntilMs: 0 };
    this.#states.set(replica, made);
    return made;
  }
}
