import { z } from 'zod';
import { RETRY_MS } from '../runtime/pause.ts';
import { type FencingToken, tokenOf } from './fencing-token.ts';
import { follow, followAll } from './follow.ts';
import { HeldLease, type LeaseTimes } from './held-lease.ts';
import { type Entry, StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';

/** The leader of an election. */
export interface Leader {
  readonly candidate: string;
  readonly token: FencingToken;
}

/** The key of the entry that names the leader. */
export const electionKey = (election: string): string => `election/${election}`;

/** Elections: of all candidates of a name one leads at a time, by a lease. */
export class Elections {
  readonly #store: TrackedStore;
  readonly #clock: () => number;

  constructor(store: TrackedStore, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Waits to be elected, through outages of the registry.
   * @param candidate shown to people as the leader's name
   * @returns the term, or null where `until` was aborted first
   */
  async campaign(
    election: string,
    candidate: string,
    lease: number | LeaseTimes,
    until: AbortSignal,
  ): Promise<Term | null> {
    const signal = AbortSignal.any([until, this.#store.closed]);
    while (!signal.aborted) {
      let held: HeldLease | null = null;
      try {
        if (await this.#isFree(election, signal)) {
          held = await HeldLease.grant(this.#store, lease, this.#clock);
          const key = electionKey(election);
          const { epoch } = this.#store;
          const change = { key, value: JSON.stringify({ candidate, epoch }), lease: held.id };
          const revision = await this.#store.commit([{ key, revision: 0 }], [change]);
          if (revision !== null && held.isHeld) return new Term(election, held, tokenOf(epoch, revision));
        }
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof StoreUnavailable)) throw error;
        await this.#store.pause(RETRY_MS, signal);
      }
      await held?.release();
    }
    return null;
  }

  /** The current leader, or null. */
  async leader(election: string): Promise<Leader | null> {
    const entry = await this.#store.get(electionKey(election));
    return entry === null ? null : leaderOf(entry);
  }

  /** All elections that have a leader, by name. */
  async list(): Promise<Array<Leader & { readonly election: string }>> {
    const { entries } = await this.#store.list(electionKey(''));
    return entries.map((entry) => ({ election: electionOf(entry), ...leaderOf(entry) }));
  }

  /** Yields the leaders of all elections with this prefix, now and after every change; null while out of reach. */
  async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<ReadonlyMap<string, Leader> | null> {
    const of = (entry: Entry) => [electionOf(entry), leaderOf(entry)] as const;
    for await (const event of followAll(this.#store, electionKey(prefix), signal, of)) {
      if (event.kind === 'all') yield new Map(event.values.values());
      else if (event.kind === 'outage') yield null;
    }
  }

  /** Waits until there is no leader. @returns false where `signal` was aborted first */
  async #isFree(election: string, signal: AbortSignal): Promise<boolean> {
    const key = electionKey(election);
    for await (const event of follow(this.#store, key, signal)) {
      if (event.kind === 'state' && !event.entries.some((entry) => entry.key === key)) return true;
      if (event.kind === 'changes' && event.events.some((each) => each.key === key && each.entry === null)) return true;
    }
    return false;
  }
}

function electionOf({ key }: Entry): string {
  return key.slice(electionKey('').length);
}

const leaderSchema = z.object({ candidate: z.string(), epoch: z.int().min(0).default(0) });

/** The creator of the entry leads, whatever the entry says. */
function leaderOf({ value, created }: Entry): Leader {
  const { candidate, epoch } = leaderSchema.safeParse(looseJson(value)).data ?? { candidate: UNNAMED, epoch: 0 };
  return { candidate, token: tokenOf(epoch, created) };
}

const UNNAMED = '(unknown)';

function looseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The time for which a candidate leads. */
export class Term {
  readonly election: string;
  readonly token: FencingToken;
  readonly #lease: HeldLease;

  constructor(election: string, lease: HeldLease, token: FencingToken) {
    this.election = election;
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
