/** One way of speaking to a router, of which it is measured what it costs. */
export interface Shape {
  /** What it is about: a row of the table. */
  readonly kind: string;
  /** What was chosen for it by chance. */
  readonly detail: string;
  readonly clients: readonly ClientScript[];
  /** What the HTTP/2 shard answers to a request; null: nothing. */
  readonly answer: ((streamId: number) => Buffer) | null;
  /** What the HTTP/1.1 shard answers to a request's head; null: it does not even read. */
  readonly http1Answer: Buffer | null;
}

/** What a client writes on a connection of its own, after what its version begins with. */
export interface ClientScript {
  readonly pieces: readonly Buffer[];
  /** It takes what comes. */
  readonly reads: boolean;
  /** Streams, or requests, that stay open. */
  readonly streams: number;
  /** How many of them have a connection of their own to their shard. */
  readonly shardConnections?: number;
}

/** Chance, by a seed that replays. */
export class Dice {
  readonly #random: () => number;

  /** @param random between 0 and 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  /** The same, with small ones as likely as large ones. */
  size(most: number): number {
    return Math.floor((most + 1) ** this.#random()) - 1;
  }

  oneOf<Value>(...values: readonly Value[]): Value {
    return values[this.between(0, values.length - 1)] as Value;
  }
}
