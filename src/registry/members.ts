import { z } from 'zod';
import { aborted } from './aborted.ts';
import { followAll } from './follow.ts';
import { HeldLease } from './held-lease.ts';
import { pause, RETRY_MS } from './pause.ts';
import { type Entry, type Revision, type Store, StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';
import { parsed } from './unreadable.ts';

/** What a process registers as. */
export type MemberKind = 'router' | 'node';

/** Somebody who is there for as long as its lease is renewed. */
export interface Member {
  /** Unique among those of its kind; may have parts, such as `default/docs/s0/<node>`. */
  readonly name: string;
  /** What it tells of itself. */
  readonly value: object;
  readonly revision: Revision;
}

const prefixOf = (kind: MemberKind): string => `member/${kind}/`;

/** Who is there: routers and nodes, each by a lease. */
export class Members {
  readonly #store: TrackedStore;
  readonly #clock: () => number;

  constructor(store: TrackedStore, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Registers, and keeps it so until it leaves: after an outage that was longer than the lease, anew.
   * @param onRegistered told each time, once the others can see it
   */
  register(
    kind: MemberKind,
    name: string,
    value: object,
    leaseMs: number,
    onRegistered: (lease: HeldLease) => void = () => {},
  ): Membership {
    return new Membership(this.#store, this.#clock, `${prefixOf(kind)}${name}`, value, leaseMs, onRegistered);
  }

  /** @param within the first part of the name, such as `default/docs/`; all where it is empty */
  async list(kind: MemberKind, within = ''): Promise<Member[]> {
    const { entries } = await this.#store.list(prefixOf(kind) + within);
    return this.#store.unreadable.readable(entries, (entry) => memberOf(kind, entry));
  }

  /** Tells of all who are there, now and after every change; of null while the registry cannot be reached. */
  async *watch(kind: MemberKind, within: string, signal: AbortSignal): AsyncGenerator<readonly Member[] | null> {
    let members: readonly Member[] = [];
    for await (const event of followAll(this.#store, prefixOf(kind) + within, signal, (entry) =>
      memberOf(kind, entry),
    )) {
      if (event.kind === 'all') members = [...event.values.values()];
      yield event.kind === 'outage' ? null : members;
    }
  }
}

/** The least by which a member can be reckoned with: of a router that others may have to wait for it. */
const schemas = {
  router: z.looseObject({ versions: z.record(z.string(), z.unknown()) }),
  node: z.looseObject({}),
} as const;

/** @throws UnreadableEntry */
function memberOf(kind: MemberKind, entry: Entry): Member {
  const { key, revision } = entry;
  return { name: key.slice(prefixOf(kind).length), value: parsed(entry, schemas[kind]), revision };
}

/** One's own registration. */
export class Membership {
  readonly #store: Store;
  readonly #clock: () => number;
  readonly #key: string;
  readonly #leaseMs: number;
  readonly #leaving = new AbortController();
  /** Resolves once it is registered for the first time. */
  readonly ready: Promise<void>;
  readonly #stopped: Promise<void>;
  #value: string;
  #lease: HeldLease | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    store: Store,
    clock: () => number,
    key: string,
    value: object,
    leaseMs: number,
    onRegistered: (lease: HeldLease) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#key = key;
    this.#value = JSON.stringify(value);
    this.#leaseMs = leaseMs;
    let onReady = (): void => {};
    this.ready = new Promise((resolve) => {
      onReady = resolve;
    });
    this.#stopped = this.#keep((lease) => {
      onReady();
      onRegistered(lease);
    });
  }

  /** Whether the others have it for there, as far as this process can know. */
  get isHeld(): boolean {
    return this.#lease?.isHeld ?? false;
  }

  /** Changes what it tells of itself. While the registry cannot be reached that is put off. */
  async update(value: object): Promise<void> {
    this.#value = JSON.stringify(value);
    const lease = this.#lease;
    if (lease !== null) await this.#put(lease).catch(() => lease.release());
  }

  /** Leaves: the others see it at once. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#stopped;
  }

  async #keep(onRegistered: (lease: HeldLease) => void): Promise<void> {
    const signal = AbortSignal.any([this.#leaving.signal, this.#store.closed]);
    while (!signal.aborted) {
      try {
        const lease = await HeldLease.grant(this.#store, this.#leaseMs, this.#clock);
        this.#lease = lease;
        await this.#put(lease);
        onRegistered(lease);
        await aborted(AbortSignal.any([lease.lost, signal]));
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof StoreUnavailable)) throw error;
        await pause(RETRY_MS, signal);
      }
      await this.#giveBack();
    }
    await this.#giveBack();
  }

  async #giveBack(): Promise<void> {
    await this.#lease?.release();
    this.#lease = null;
  }

  /** One write after the other: of two at once the older value might be the one that stays. */
  #put(lease: HeldLease): Promise<void> {
    const put = async (): Promise<void> => {
      if (lease.lost.aborted) return;
      await this.#store.commit([], [{ key: this.#key, value: this.#value, lease: lease.id }]);
    };
    this.#writing = this.#writing.then(put, put);
    return this.#writing;
  }
}
