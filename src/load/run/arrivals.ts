/** Requests a second over the time of a run. */
export type Rate =
  | { readonly kind: 'constant'; readonly perSecond: number }
  /** From the one to the other. */
  | { readonly kind: 'ramp'; readonly from: number; readonly to: number }
  /** Each for as long as the others. */
  | { readonly kind: 'steps'; readonly perSecond: readonly number[] };

/** How requests are spread: evenly, or as those of many people who know nothing of each other. */
export type Spread = 'even' | 'poisson';

export function highestRate(rate: Rate): number {
  if (rate.kind === 'constant') return rate.perSecond;
  return rate.kind === 'ramp' ? Math.max(rate.from, rate.to) : Math.max(...rate.perSecond);
}

/** Requests a second at a moment, of a run of this length. */
export function rateAt(rate: Rate, ms: number, lastsMs: number): number {
  const share = Math.min(1, Math.max(0, ms / lastsMs));
  if (rate.kind === 'constant') return rate.perSecond;
  if (rate.kind === 'ramp') return rate.from + (rate.to - rate.from) * share;
  const { perSecond } = rate;
  return perSecond[Math.min(perSecond.length - 1, Math.floor(share * perSecond.length))] as number;
}

/** The times to send requests, whatever becomes of those before: in order, in milliseconds from the beginning. */
export class Arrivals {
  readonly #rate: Rate;
  readonly #spread: Spread;
  readonly #lastsMs: number;
  readonly #random: () => number;
  /** When the next one is due. */
  nextMs = 0;

  constructor(rate: Rate, spread: Spread, lastsMs: number, random: () => number) {
    this.#rate = rate;
    this.#spread = spread;
    this.#lastsMs = lastsMs;
    this.#random = random;
  }

  /** On to the next. @returns when the one was due */
  take(): number {
    const dueMs = this.nextMs;
    const share = this.#spread === 'even' ? 1 : -Math.log(1 - this.#random());
    this.nextMs = momentOf(share, this.#rate, dueMs, this.#lastsMs);
    return dueMs;
  }
}

/** When so many requests have become due since a moment; a share of one, or several. */
function momentOf(requests: number, rate: Rate, fromMs: number, lastsMs: number): number {
  if (rate.kind === 'steps') return momentInSteps(requests, rate.perSecond, fromMs, lastsMs);
  const perMs = rateAt(rate, fromMs, lastsMs) / 1000;
  const slope = rate.kind === 'ramp' && fromMs < lastsMs ? (rate.to - rate.from) / 1000 / lastsMs : 0;
  if (slope === 0) return fromMs + requests / perMs;
  // requests = perMs * t + slope * t^2 / 2
  const square = perMs * perMs + 2 * slope * requests;
  return square < 0 ? Number.POSITIVE_INFINITY : fromMs + (Math.sqrt(square) - perMs) / slope;
}

function momentInSteps(requests: number, perSecond: readonly number[], fromMs: number, lastsMs: number): number {
  const stepMs = lastsMs / perSecond.length;
  let [left, atMs] = [requests, fromMs];
  for (let step = Math.min(perSecond.length - 1, Math.floor(atMs / stepMs)); ; step++) {
    const perMs = (perSecond[step] as number) / 1000;
    const endMs = step === perSecond.length - 1 ? Number.POSITIVE_INFINITY : (step + 1) * stepMs;
    if (endMs === Number.POSITIVE_INFINITY || perMs * (endMs - atMs) >= left) return atMs + left / perMs;
    left -= perMs * (endMs - atMs);
    atMs = endMs;
  }
}
