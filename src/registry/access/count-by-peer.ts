import { Denial } from './denial.ts';

/** Counts what each connection has, so that none has too many, nor all together. */
export class CountByPeer {
  readonly #maxPerPeer: number;
  readonly #maxTotal: number;
  readonly #counts = new Map<string, number>();
  #all = 0;

  constructor(maxPerPeer: number, maxTotal: number) {
    this.#maxPerPeer = maxPerPeer;
    this.#maxTotal = maxTotal;
  }

  /** @param peer a connection's other end. @throws Denial where there is no room for one more */
  add(peer: string): void {
    const own = this.#counts.get(peer) ?? 0;
    if (own >= this.#maxPerPeer) throw new Denial('no room', `this connection has ${own} watches: it may have no more`);
    if (this.#all >= this.#maxTotal) throw new Denial('no room', `there are ${this.#all} watches: no more are served`);
    this.#counts.set(peer, own + 1);
    this.#all++;
  }

  remove(peer: string): void {
    const own = this.#counts.get(peer) ?? 0;
    if (own === 0) return;
    this.#all--;
    if (own === 1) this.#counts.delete(peer);
    else this.#counts.set(peer, own - 1);
  }
}
