import type { Waiting } from './fair-queue.ts';

/** The part of a shard's places that is kept for clients that have few: an eighth. */
const RESERVED = 1 / 8;
/**
 * The part of the places left that one connection may have: the fewer are left the less, so that a few connections
 * which take all they can leave some, however unevenly they have shared out what was there before (dynamic thresholds,
 * Choudhury and Hahne).
 */
const OF_WHAT_IS_LEFT = 1 / 8;
/** How often the shares are recounted; in between they are updated. */
const COUNT_EVERY_MS = 100;

/**
 * Decides which clients may have the last places at a shard, or wherever requests wait: a client that takes all it can
 * get, and keeps them, leaves an eighth to the others. Clients are not counted while there are more places than that.
 */
export class ClientShares {
  readonly #forEachOpen: (visit: (open: Waiting, amount?: number) => void) => void;
  readonly #groups = new Map<string, number>();
  readonly #connections = new Map<object, number>();
  #countedAtMs = Number.NEGATIVE_INFINITY;

  /** @param forEachOpen visits the requests that have places, each with how many; one where it does not say */
  constructor(forEachOpen: (visit: (open: Waiting, amount?: number) => void) => void) {
    this.#forEachOpen = forEachOpen;
  }

  /** The number of places taken from which on so few are left that it matters which client takes one. */
  static scarceFrom(places: number): number {
    return places * (1 - RESERVED);
  }

  /** Whether so few places are left that it matters which client takes one. */
  static isScarce(open: number, places: number): boolean {
    return open >= ClientShares.scarceFrom(places);
  }

  /**
   * Whether a client may have one of the last places. The first half of them is for connections that have few of what is
   * left, the other for networks that have less than their share: a client with many connections gets no further than the first.
   */
  allows(client: Waiting, open: number, places: number, nowMs: number): boolean {
    if (nowMs - this.#countedAtMs >= COUNT_EVERY_MS) this.#countAll(nowMs);
    const ofGroup = this.#groups.get(client.clientGroup) ?? 0;
    if (ofGroup < shareOf(places, this.#groups.size)) return true;
    const ofConnection = this.#connections.get(client.clientConnection) ?? 0;
    return ofConnection < (places - open) * OF_WHAT_IS_LEFT && open < places * (1 - RESERVED / 2);
  }

  /** Has a client take so many places of those of which `open` are taken. @returns false where there are none for it */
  admits(client: Waiting, amount: number, open: number, places: number, nowMs: number): boolean {
    if (open + amount > places) return false;
    if (ClientShares.isScarce(open, places) && !this.allows(client, open, places, nowMs)) return false;
    this.count(client, nowMs, amount);
    return true;
  }

  /** A client takes places. While there are enough, no client has been counted lately, and this one is not either. */
  count(client: Waiting, nowMs: number, amount = 1): void {
    if (nowMs - this.#countedAtMs < COUNT_EVERY_MS) this.#count(client, amount);
  }

  #count({ clientGroup, clientConnection }: Waiting, amount: number): void {
    this.#groups.set(clientGroup, (this.#groups.get(clientGroup) ?? 0) + amount);
    this.#connections.set(clientConnection, (this.#connections.get(clientConnection) ?? 0) + amount);
  }

  #countAll(nowMs: number): void {
    this.#countedAtMs = nowMs;
    this.#groups.clear();
    this.#connections.clear();
    this.#forEachOpen((open, amount = 1) => this.#count(open, amount));
  }
}

/** An even share, as if one more came: a client that is alone has no right to all. */
function shareOf(places: number, holders: number): number {
  return places / (holders + 1);
}
