import { z } from 'zod';
import { aborted } from '../runtime/aborted.ts';
import { RETRY_MS } from '../runtime/pause.ts';
import { followAll } from './follow.ts';
import { HeldLease } from './held-lease.ts';
import { type InstanceId, newInstance, qualified, unqualified } from './instance.ts';
import { OwnEntry } from './own-entry.ts';
import { type Entry, type Revision, StoreUnavailable } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';
import { parsed } from './unreadable.ts';

/** What a process registers as. */
export type MemberKind = 'router' | 'node';

/** A router or node, which is present for as long as its lease is renewed. */
export interface Member {
  /** For people, and for what comes again: several may have it. May have parts, such as `default/docs/s0/<node>`. */
  readonly name: string;
  /** Which process it is. */
  readonly instance: InstanceId;
  /** What it reports about itself. */
  readonly value: object;
  readonly revision: Revision;
}

const prefixOf = (kind: MemberKind): string => `member/${kind}/`;

/**
 * The routers and nodes that are present, each by a lease. What holds: an entry is one process's, whatever that is
 * called, and says nothing that this process has not said by the lease that the entry goes with. A lease ends, for its
 * holder, before others can see the entry go: a write that is lost is repeated, and no lease is given back that is
 * still in use.
 */
export class Members {
  readonly #store: TrackedStore;
  readonly #clock: () => number;

  constructor(store: TrackedStore, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Registers, and stays registered until it leaves; after an outage longer than the lease it registers again.
   * @param onRegistered called each time, once the others can see it
   * @param instance which process registers
   */
  register(
    kind: MemberKind,
    name: string,
    value: object,
    leaseMs: number,
    onRegistered: (lease: HeldLease) => void = () => {},
    instance: InstanceId = newInstance(),
  ): Membership {
    const key = prefixOf(kind) + qualified(name, instance);
    return new Membership(this.#store, this.#clock, key, value, leaseMs, onRegistered);
  }

  /** @param within the first part of the name, such as `default/docs/`; all where it is empty */
  async list(kind: MemberKind, within = ''): Promise<Member[]> {
    const { entries } = await this.#store.list(prefixOf(kind) + within);
    return this.#store.unreadable.readable(entries, (entry) => memberOf(kind, entry));
  }

  /** Yields all members, now and after every change; null while the registry cannot be reached. */
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
  return { ...unqualified(key.slice(prefixOf(kind).length)), value: parsed(entry, schemas[kind]), revision };
}

/** How long a member tries to announce that it leaves: those that it cannot reach see its lease end. */
const FAREWELL_MS = 1000;

/** A process's own registration. */
export class Membership {
  readonly #store: TrackedStore;
  readonly #clock: () => number;
  readonly #entry: OwnEntry;
  readonly #leaseMs: number;
  readonly #leaving = new AbortController();
  /** Resolves once it is registered for the first time. */
  readonly ready: Promise<void>;
  readonly #stopped: Promise<void>;
  #value: string;
  #lease: HeldLease | null = null;

  constructor(
    store: TrackedStore,
    clock: () => number,
    key: string,
    value: object,
    leaseMs: number,
    onRegistered: (lease: HeldLease) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#entry = new OwnEntry(store, key);
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

  /**
   * Changes what it reports about itself. Resolves once the others can see it, or the lease has ended: then the next
   * one carries it.
   */
  async update(value: object): Promise<void> {
    this.#value = JSON.stringify(value);
    if (this.#lease !== null) await this.#report(this.#lease);
  }

  /** A removed entry means that others consider this process gone: it has to register again before it serves. */
  async #report(lease: HeldLease): Promise<void> {
    if (!(await this.#put(lease, 'own'))) await lease.release();
  }

  /** Leaves: the others see it at once. @param farewell what it reports about itself before */
  async leave(farewell?: object): Promise<void> {
    if (farewell !== undefined)
      await Promise.race([this.update(farewell), this.#store.pause(FAREWELL_MS, this.#store.closed, 0)]);
    this.#leaving.abort();
    await this.#stopped;
  }

  async #keep(onRegistered: (lease: HeldLease) => void): Promise<void> {
    const signal = AbortSignal.any([this.#leaving.signal, this.#store.closed]);
    let incarnation = '';
    while (!signal.aborted) {
      try {
        const lease = await HeldLease.grant(this.#store, this.#leaseMs, this.#clock);
        // After the store went back, what stands there is what this process wrote before, by a lease that has no holder
        // now.
        const isAnother = this.#store.incarnation !== incarnation;
        if (await this.#put(lease, isAnother ? 'anything' : 'nothing')) {
          incarnation = this.#store.incarnation;
          this.#lease = lease;
          onRegistered(lease);
          // What could not be written while it was being registered.
          void this.#report(lease);
          await aborted(AbortSignal.any([lease.lost, signal]));
          this.#lease = null;
        } else await this.#store.pause(RETRY_MS, signal);
        await lease.release();
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof StoreUnavailable)) throw error;
        await this.#store.pause(RETRY_MS, signal);
      }
    }
  }

  /** @returns false where the lease has ended, or the entry is not this process's any more */
  #put(lease: HeldLease, over: 'own' | 'nothing' | 'anything'): Promise<boolean> {
    const until = AbortSignal.any([lease.lost, this.#leaving.signal]);
    return this.#entry.write(() => this.#value, { lease: lease.id, over, until });
  }
}
