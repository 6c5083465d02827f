import type { PreparedCall } from '../calls/index.ts';

/** Picks calls by their weights. */
export class Mix {
  readonly calls: readonly PreparedCall[];
  readonly #sums: readonly number[];
  readonly #random: () => number;

  /** @param weights beside `calls`; not all of them 0 */
  constructor(calls: readonly PreparedCall[], weights: readonly number[], random: () => number) {
    this.calls = calls;
    this.#random = random;
    let sum = 0;
    this.#sums = weights.map((weight) => {
      sum += weight;
      return sum;
    });
  }

  /** Whether there is anything to pick. */
  get isEmpty(): boolean {
    return (this.#sums.at(-1) ?? 0) === 0;
  }

  /** @returns its place among the calls */
  pick(): number {
    if (this.calls.length === 1) return 0;
    const wanted = this.#random() * (this.#sums.at(-1) ?? 0);
    return this.#sums.findIndex((sum) => sum > wanted);
  }
}
