import { RETRY_MS } from '../runtime/pause.ts';
import { type Entry, type LeaseId, type Revision, StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';

/** How an entry is written. */
export interface OwnWrite {
  /** The entry goes with this lease; it stays where none is given. */
  readonly lease?: LeaseId;
  /**
   * What the write may replace. `own`: what this process left there, or the write is given up. `nothing`: the same, and
   * it is created if there is none. `anything`: also what others made of it.
   */
  readonly over: 'own' | 'nothing' | 'anything';
  /** Gives up once aborted. */
  readonly until: AbortSignal;
}

/**
 * An entry that one process alone writes, while others may take it away. What holds: every write is a compare-and-set
 * on the revision that this process last wrote, and is repeated until it is known to have been done; so no other
 * process's word stands under this process's name, and what others took away does not come back without its being
 * noticed.
 */
export class OwnEntry {
  readonly #store: TrackedStore;
  readonly #key: string;
  /** As this process last saw it; null: there is none. */
  #known: Pick<Entry, 'value' | 'revision'> | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(store: TrackedStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** The revision of what this process last wrote, or saw, there; 0: nothing. */
  get revision(): number {
    return this.#known?.revision ?? 0;
  }

  /**
   * Has the entry be what `value` says, which is asked before each attempt. Outages of the store are waited out.
   * @returns false where `until` was aborted first, or the entry is not this process's any more
   */
  write(value: () => string, options: OwnWrite): Promise<boolean> {
    return this.#afterOthers(() => this.#write(value, options));
  }

  /**
   * Takes it away.
   * @param over `own`: if it is as this process left it
   * @returns false where it is another's by now, or was changed meanwhile
   * @throws StoreUnavailable
   */
  remove(over: 'own' | 'anything' = 'own'): Promise<boolean> {
    return this.#afterOthers(async () => {
      const known = over === 'own' ? this.#known : await this.#store.get(this.#key);
      const isGone =
        known === null ||
        (await this.#store.commit(
          [{ key: this.#key, revision: known.revision }],
          [{ key: this.#key, value: null }],
        )) !== null;
      if (isGone) this.#known = null;
      return isGone;
    });
  }

  /** One write after the other: of two at once the older value might be the one that stays. */
  #afterOthers<Result>(action: () => Promise<Result>): Promise<Result> {
    const done = this.#writing.then(action, action);
    this.#writing = done.catch(() => {});
    return done;
  }

  async #write(value: () => string, { lease, over, until }: OwnWrite): Promise<boolean> {
    if (over === 'own' && this.#known === null) return false;
    /** Values whose writing was not answered: any of them may have been written, and may still be. */
    const unanswered = new Set<string>();
    // Under a new lease the same value has to be written again.
    let isDone = over === 'own';
    while (!until.aborted) {
      try {
        const found = unanswered.size === 0 ? 'as it was' : await this.#look(unanswered, over);
        if (found === 'taken') return false;
        isDone ||= found === 'written';
        const wanted = value();
        if (isDone && this.#known?.value === wanted) return true;
        unanswered.add(wanted);
        const revision = await this.#commit(wanted, lease);
        if (revision === null) continue;
        this.#known = { value: wanted, revision };
        unanswered.clear();
        isDone = true;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        await this.#store.pause(RETRY_MS, until);
      }
    }
    return false;
  }

  /** Looks what has become of the entry, where a write was not answered or its condition did not hold. */
  async #look(unanswered: ReadonlySet<string>, over: OwnWrite['over']): Promise<'as it was' | 'written' | 'taken'> {
    const entry = await this.#store.get(this.#key);
    if ((entry?.revision ?? 0) === (this.#known?.revision ?? 0)) return 'as it was';
    const isOurs = entry !== null && unanswered.has(entry.value);
    if (!isOurs && (over === 'own' || (over === 'nothing' && entry !== null))) return 'taken';
    this.#known = entry;
    return isOurs ? 'written' : 'as it was';
  }

  #commit(value: string, lease: LeaseId | undefined): Promise<Revision | null> {
    const change = { key: this.#key, value, ...(lease === undefined ? {} : { lease }) };
    return this.#store.commit([{ key: this.#key, revision: this.#known?.revision ?? 0 }], [change]);
  }
}
