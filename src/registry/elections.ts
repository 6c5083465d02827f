import { follow } from './follow.ts';
import { HeldLease } from './held-lease.ts';
import { pause, RETRY_MS } from './pause.ts';
import { type Entry, type Store, StoreUnavailable } from './store/store.ts';

declare const tokenBrand: unique symbol;
/** Shown with every write that a leader makes: of two terms of one election the later one's is larger. */
export type FencingToken = number & { readonly [tokenBrand]: true };

/** Who leads. */
export interface Leader {
  readonly candidate: string;
  readonly token: FencingToken;
}

const keyOf = (election: string): string => `election/${election}`;

/** Elections: of all candidates of a name one leads at a time, by a lease. */
export class Elections {
  readonly #store: Store;
  readonly #clock: () => number;

  constructor(store: Store, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Waits to be elected. The registry being away is waited out.
   * @param candidate for people to see who leads
   * @returns the term, or null where `until` was aborted first
   */
  async campaign(election: string, candidate: string, leaseMs: number, until: AbortSignal): Promise<Term | null> {
    const signal = AbortSignal.any([until, this.#store.closed]);
    while (!signal.aborted) {
      let lease: HeldLease | null = null;
      try {
        if (await this.#isFree(election, signal)) {
          lease = await HeldLease.grant(this.#store, leaseMs, this.#clock);
          const key = keyOf(election);
          const change = { key, value: JSON.stringify({ candidate }), lease: lease.id };
          const token = await this.#store.commit([{ key, revision: 0 }], [change]);
          // The revision that made the entry: the store's revisions only grow.
          if (token !== null && lease.isHeld) return new Term(lease, token as number as FencingToken);
        }
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof StoreUnavailable)) throw error;
        await pause(RETRY_MS, signal);
      }
      await lease?.release();
    }
    return null;
  }

  /** Who leads now, or null. */
  async leader(election: string): Promise<Leader | null> {
    const entry = await this.#store.get(keyOf(election));
    return entry === null ? null : leaderOf(entry);
  }

  /** All elections that have a leader, by name. */
  async list(): Promise<Array<Leader & { readonly election: string }>> {
    const { entries } = await this.#store.list(keyOf(''));
    return entries.map((entry) => ({ election: entry.key.slice(keyOf('').length), ...leaderOf(entry) }));
  }

  /** Waits until nobody leads. @returns false where `signal` was aborted first */
  async #isFree(election: string, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(election);
    for await (const event of follow(this.#store, key, signal)) {
      if (event.kind === 'state' && !event.entries.some((entry) => entry.key === key)) return true;
      if (event.kind === 'changes' && event.events.some((each) => each.key === key && each.entry === null)) return true;
    }
    return false;
  }
}

function leaderOf({ value, created }: Entry): Leader {
  const { candidate } = JSON.parse(value) as { candidate: string };
  return { candidate, token: created as number as FencingToken };
}

/** The time for which one leads. */
export class Term {
  readonly token: FencingToken;
  readonly #lease: HeldLease;

  constructor(lease: HeldLease, token: FencingToken) {
    this.#lease = lease;
    this.token = token;
  }

  /** Asked by the holder's own clock, at the very moment. */
  get isLeading(): boolean {
    return this.#lease.isHeld;
  }

  /** Aborted when the term ends, whatever ends it; before another can be elected. */
  get ended(): AbortSignal {
    return this.#lease.lost;
  }

  /** Ends the term: another is elected at once. */
  resign(): Promise<void> {
    return this.#lease.release();
  }
}
