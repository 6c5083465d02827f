/**
 * Picks a share of what happens, each by itself: the gap to the next one is drawn, so that those in between cost a
 * subtraction.
 */
export class Sampler {
  readonly #share: number;
  readonly #random: () => number;
  #gap = 0;

  /** @param share from 0, none, to 1, all */
  constructor(share: number, random: () => number) {
    this.#share = share;
    this.#random = random;
    this.#gap = this.#draw();
  }

  /** Whether this one is picked. */
  pick(): boolean {
    if (this.#gap > 0) {
      this.#gap--;
      return false;
    }
    this.#gap = this.#draw();
    return this.#share > 0;
  }

  /** How many are passed over: geometrically distributed. */
  #draw(): number {
    if (this.#share <= 0) return Number.POSITIVE_INFINITY;
    if (this.#share >= 1) return 0;
    return Math.floor(Math.log(1 - this.#random()) / Math.log(1 - this.#share));
  }
}
