/**
 * Work for clients that takes long as a whole, in pieces: one piece in a turn of the event loop, whoever it is for, so that commands have their turn in
 * between, however many clients ask for such work at once.
 */
export class Chores {
  readonly #waiting: Array<() => boolean> = [];

  /** @param piece does a part of the work, and returns whether there is more to do */
  add(piece: () => boolean): void {
    this.#waiting.push(piece);
    if (this.#waiting.length === 1) setImmediate(() => this.#goOn());
  }

  #goOn(): void {
    const piece = this.#waiting[0] as () => boolean;
    const hasMore = piece();
    this.#waiting.shift();
    if (hasMore) this.#waiting.push(piece);
    if (this.#waiting.length > 0) setImmediate(() => this.#goOn());
  }
}
