import type { ReplyTaker } from './reply-taker.ts';

/** As many as a busy connection has in flight; a power of two. */
const FIRST_SIZE = 64;

/** The calls that wait for their replies, first in, first out: a ring, so that taking one moves nothing. */
export class CallQueue {
  #ring: Array<ReplyTaker | null> = new Array(FIRST_SIZE).fill(null);
  #first = 0;
  length = 0;

  push(call: ReplyTaker): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.length) & (this.#ring.length - 1)] = call;
    this.length++;
  }

  get first(): ReplyTaker | null {
    return this.length === 0 ? null : (this.#ring[this.#first] as ReplyTaker);
  }

  shift(): ReplyTaker | null {
    if (this.length === 0) return null;
    const call = this.#ring[this.#first] as ReplyTaker;
    this.#ring[this.#first] = null;
    this.#first = (this.#first + 1) & (this.#ring.length - 1);
    this.length--;
    return call;
  }

  forEach(visit: (call: ReplyTaker) => void): void {
    for (let i = 0; i < this.length; i++) visit(this.#ring[(this.#first + i) & (this.#ring.length - 1)] as ReplyTaker);
  }

  #grow(): void {
    const ring: Array<ReplyTaker | null> = new Array(2 * this.#ring.length).fill(null);
    let i = 0;
    this.forEach((call) => {
      ring[i++] = call;
    });
    this.#ring = ring;
    this.#first = 0;
  }
}
