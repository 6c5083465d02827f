import { jitter } from '../../../runtime/jitter.ts';

/** When a shard's own answers say that it is unhealthy. Plain data. */
export interface PassiveHealthDescription {
  /** Failures in a row; 0: not looked at. */
  readonly consecutiveFailures: number;
  /** A share of successes that is far below the other shards'. */
  readonly successRate?:
    | { readonly minimumRequests: number; readonly standardDeviations: number; readonly intervalMs: number }
    | undefined;
  /** How long the first ejection lasts; the second lasts twice as long, and so on, up to the longest. */
  readonly ejectionMs: number;
  readonly maxEjectionMs: number;
}

/** Ejections are spread by this share, so that shards do not come back all at once. */
const EJECTION_JITTER = 0.1;

/**
 * Whether a shard is healthy, as far as this thread knows: by checks of its own, and by what becomes of requests. The
 * owner of a key does not depend on that; an unhealthy owner's requests wait or fail, and never go elsewhere.
 */
export class OwnerHealth {
  readonly #passive: PassiveHealthDescription | null;
  readonly #random: () => number;
  readonly #onEjected: (reason: string) => void;
  #checkFault: string | null = null;
  #failuresInARow = 0;
  #ejections = 0;
  #ejectedUntilMs = 0;
  #ejectedBecause = '';
  /** Since the success rate was looked at last. */
  #requests = 0;
  #failures = 0;

  constructor(passive: PassiveHealthDescription | null, random: () => number, onEjected: (reason: string) => void) {
    this.#onEjected = onEjected;
    this.#passive = passive;
    this.#random = random;
  }

  /** Why the shard gets no requests now; null where it does. */
  faultAt(nowMs: number): string | null {
    if (this.#checkFault !== null) return this.#checkFault;
    return nowMs < this.#ejectedUntilMs ? this.#ejectedBecause : null;
  }

  /** What its own checks found: a fault, or null. */
  onCheck(fault: string | null): void {
    this.#checkFault = fault;
  }

  get ejections(): number {
    return this.#ejections;
  }

  /** What became of a request. */
  onOutcome(failed: boolean, nowMs: number): void {
    this.#requests++;
    if (!failed) {
      this.#failuresInARow = 0;
      return;
    }
    this.#failures++;
    this.#failuresInARow++;
    const most = this.#passive?.consecutiveFailures ?? 0;
    if (most > 0 && this.#failuresInARow >= most) this.eject(`it failed ${this.#failuresInARow} times in a row`, nowMs);
  }

  eject(reason: string, nowMs: number): void {
    const passive = this.#passive;
    if (passive === null || nowMs < this.#ejectedUntilMs) return;
    this.#ejections++;
    this.#failuresInARow = 0;
    const lasts =
      Math.min(passive.maxEjectionMs, passive.ejectionMs * this.#ejections) * jitter(EJECTION_JITTER, this.#random);
    this.#ejectedUntilMs = nowMs + lasts;
    this.#ejectedBecause = `ejected for ${Math.round(lasts)} ms, because ${reason}`;
    this.#onEjected(this.#ejectedBecause);
  }

  /** The share of successes since it was asked last; null where there were too few requests. A good spell makes the next ejection shorter. */
  takeSuccessRate(minimumRequests: number): number | null {
    const { requests, failures } = { requests: this.#requests, failures: this.#failures };
    this.#requests = 0;
    this.#failures = 0;
    if (failures === 0 && this.#ejections > 0) this.#ejections--;
    return requests < minimumRequests ? null : 1 - failures / requests;
  }
}

/** Ejects those whose success rate is far below the mean of all (Envoy's success-rate outlier detection). */
export function ejectOutliers(healths: readonly OwnerHealth[], passive: PassiveHealthDescription, nowMs: number): void {
  const { successRate } = passive;
  if (successRate === undefined) return;
  const rates = healths
    .map((health) => ({ health, rate: health.takeSuccessRate(successRate.minimumRequests) }))
    .filter((each): each is { health: OwnerHealth; rate: number } => each.rate !== null);
  // With fewer it cannot be said which is the outlier.
  if (rates.length < 3) return;
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length;
  const least = mean - successRate.standardDeviations * Math.sqrt(variance);
  for (const { health, rate } of rates)
    if (rate < least)
      health.eject(
        `${Math.round(100 * rate)}% of its requests succeed, compared with ${Math.round(100 * mean)}% for all shards`,
        nowMs,
      );
}
