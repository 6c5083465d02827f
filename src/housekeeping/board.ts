import type { z } from 'zod';
import {
  type DocumentChange,
  type Expectation,
  epochOf,
  type FencingToken,
  type Registry,
  type Revision,
  revisionOf,
  type StoredDocument,
  tokenOf,
} from '../registry/index.ts';
import type { TopologyName } from '../topology/index.ts';
import {
  type Claim,
  entriesOf,
  type Order,
  type Paused,
  schemas,
  type TaskDescription,
  type UnitState,
} from './entries.ts';

export interface StoredClaim extends Claim {
  readonly revision: Revision;
}

/** The claims on units, and what people have ordered or paused, as the registry reports them. */
export interface BoardState {
  /** By unit. */
  readonly claims: ReadonlyMap<string, StoredClaim>;
  /** Revisions of orders, by `task`, or `task project`. */
  readonly orders: ReadonlyMap<string, Revision>;
  readonly paused: readonly string[];
}

/** Several units at once: etcd takes 128 operations in a transaction. */
const BATCH = 40;

/**
 * What a cluster's registry says about its housekeeping: the holder of each unit, what is due, and what people want.
 */
export class Board {
  readonly #registry: Registry;
  readonly #names: ReturnType<typeof entriesOf>;
  /**
   * By unit, as they were last reported; without those that were given back here, whether or not that was reported yet.
   */
  readonly #claims = new Map<string, StoredClaim>();

  constructor(registry: Registry, name: TopologyName) {
    this.#registry = registry;
    this.#names = entriesOf(name);
  }

  /** Follows claims, orders and pauses. Nothing is reported while the registry cannot be reached. */
  async *watch(signal: AbortSignal): AsyncGenerator<BoardState> {
    const { followed, claims: claimsAt, orders: ordersAt, paused: pausedAt } = this.#names;
    const claims = this.#claims;
    const orders = new Map<string, Revision>();
    let paused: readonly string[] = [];
    for await (const { all, changed, deleted } of this.#registry.documents.watch(followed, signal)) {
      if (all) {
        claims.clear();
        orders.clear();
        paused = [];
      }
      for (const document of changed) {
        const { name, revision } = document;
        if (name === pausedAt) paused = this.#read(document, schemas.paused)?.tasks ?? paused;
        else if (name.startsWith(claimsAt)) claims.set(name.slice(claimsAt.length), this.#claimOf(document));
        else if (name.startsWith(ordersAt)) orders.set(name.slice(ordersAt.length), revision);
      }
      for (const name of deleted) {
        if (name === pausedAt) paused = [];
        claims.delete(name.slice(claimsAt.length));
      }
      yield { claims, orders, paused };
    }
  }

  #read<Schema extends z.ZodType>(document: StoredDocument, schema: Schema): z.output<Schema> | undefined {
    return this.#registry.documents.read(document, schema);
  }

  /** A claim that cannot be read belongs to a term that is over: the leader takes the unit. */
  #claimOf(document: StoredDocument): StoredClaim {
    const claim = this.#read(document, schemas.claim) ?? { election: '', token: 0, node: '' };
    return { ...claim, token: claim.token as FencingToken, revision: document.revision };
  }

  /** Gives claims back, of those that stand as they were seen. */
  async abandon(claims: ReadonlyArray<{ readonly unit: string; readonly revision: Revision }>): Promise<void> {
    await this.#inBatches(claims, async (some) => {
      const expected = some.map(({ unit, revision }) => this.#claimAt(unit, revision));
      const changes = some.map(({ unit }) => ({ name: this.#names.claims + unit, value: null }));
      return (await this.#registry.documents.commit(expected, changes)) !== null;
    });
    for (const { unit, revision } of claims) this.#forget(unit, revision);
  }

  /**
   * Takes units for a term, where they have not been taken meanwhile and the term goes on.
   * @returns the tokens of those that were taken
   */
  async claim(
    units: ReadonlyArray<{ readonly unit: string; readonly revision: Revision | 0 }>,
    claim: Claim,
  ): Promise<Map<string, FencingToken>> {
    const taken = new Map<string, FencingToken>();
    await this.#inBatches(units, async (some) => {
      const { election, token } = claim;
      const revision = await this.#registry.documents.commit(
        [{ election, token }, ...some.map(({ unit, revision: seen }) => this.#claimAt(unit, seen))],
        some.map(({ unit }) => ({ name: this.#names.claims + unit, value: claim })),
      );
      if (revision === null) return false;
      for (const { unit } of some) taken.set(unit, tokenOf(epochOf(token), revision));
      return true;
    });
    return taken;
  }

  /**
   * Keeps states of units that are held.
   * @returns the units that are not any more: nothing of theirs was written
   */
  keep(units: readonly HeldState[]): Promise<string[]> {
    return this.#whileHeld(units, ({ unit, state }) => [{ name: this.#names.states + unit, value: state }]);
  }

  /** Keeps states, and gives the units back. A state of null is forgotten. @returns as `keep` does */
  async release(units: ReadonlyArray<HeldState<UnitState | null>>): Promise<string[]> {
    const failed = await this.#whileHeld(units, ({ unit, state }) => [
      { name: this.#names.states + unit, value: state },
      { name: this.#names.claims + unit, value: null },
    ]);
    for (const { unit, token } of units) this.#forget(unit, revisionOf(token));
    return failed;
  }

  #forget(unit: string, revision: Revision): void {
    if (this.#claims.get(unit)?.revision === revision) this.#claims.delete(unit);
  }

  async #whileHeld<Held extends HeldState<UnitState | null>>(
    units: readonly Held[],
    changes: (held: Held) => DocumentChange[],
  ): Promise<string[]> {
    return this.#inBatches(units, async (some) => {
      const expected = some.map(({ unit, token }) => this.#claimAt(unit, revisionOf(token)));
      return (await this.#registry.documents.commit(expected, some.flatMap(changes))) !== null;
    }).then((failed) => failed.map(({ unit }) => unit));
  }

  #claimAt(unit: string, revision: Revision | 0): Expectation {
    return { document: this.#names.claims + unit, revision };
  }

  /** Some at a time; of those that fail together the ones that fail alone are found. @returns them */
  async #inBatches<Item>(items: readonly Item[], commit: (some: readonly Item[]) => Promise<boolean>): Promise<Item[]> {
    if (items.length === 0) return [];
    if (items.length <= BATCH && (await commit(items))) return [];
    if (items.length === 1) return [...items];
    const half = items.length <= BATCH ? Math.ceil(items.length / 2) : BATCH;
    const failed = await this.#inBatches(items.slice(0, half), commit);
    return [...failed, ...(await this.#inBatches(items.slice(half), commit))];
  }

  /** What is known of units, all of them at once where there are many. */
  async states(units: readonly string[]): Promise<Map<string, UnitState>> {
    if (units.length > BATCH) return this.allStates();
    const found = await Promise.all(units.map((unit) => this.#registry.documents.get(this.#names.states + unit)));
    return new Map(
      units.flatMap((unit, i) => {
        const state = found[i] && this.#read(found[i], schemas.state);
        return state ? [[unit, state as object as UnitState]] : [];
      }),
    );
  }

  allStates(): Promise<Map<string, UnitState>> {
    return this.#listed(this.#names.states, schemas.state) as Promise<Map<string, object>> as Promise<
      Map<string, UnitState>
    >;
  }

  claims(): Promise<Map<string, Claim>> {
    return this.#listed(this.#names.claims, schemas.claim) as Promise<Map<string, object>> as Promise<
      Map<string, Claim>
    >;
  }

  tasks(): Promise<Map<string, TaskDescription>> {
    return this.#listed(this.#names.tasks, schemas.task);
  }

  /** All documents of a kind, by what follows the kind in their names. */
  async #listed<Schema extends z.ZodType>(kind: string, schema: Schema): Promise<Map<string, z.output<Schema>>> {
    const found = await this.#registry.documents.list(kind);
    return new Map(
      found.flatMap((document) => {
        const value = this.#read(document, schema);
        return value === undefined ? [] : [[document.name.slice(kind.length), value]];
      }),
    );
  }

  /** Says what tasks there are, for people. */
  async describe(tasks: ReadonlyMap<string, TaskDescription>): Promise<void> {
    const known = await this.tasks();
    const changes = [...tasks]
      .filter(([name, task]) => JSON.stringify(known.get(name)) !== JSON.stringify(task))
      .map(([name, value]) => ({ name: this.#names.tasks + name, value }));
    if (changes.length > 0) await this.#registry.documents.commit([], changes);
  }

  /** Orders a task at once. @param unit all units that it is for, where it is not given. @returns the order */
  async order(task: string, unit: string | null, order: Order): Promise<Revision> {
    const name = this.#names.orders + orderKey(task, unit);
    return (await this.#registry.documents.commit([], [{ name, value: order }])) as Revision;
  }

  async paused(): Promise<readonly string[]> {
    return this.#pausedIn(await this.#registry.documents.get(this.#names.paused));
  }

  #pausedIn(document: StoredDocument | null): readonly string[] {
    return (document && this.#read(document, schemas.paused)?.tasks) ?? [];
  }

  /** Changes which tasks are paused; another process's change in between is not lost. */
  async pause(edit: (tasks: readonly string[]) => readonly string[]): Promise<readonly string[]> {
    for (;;) {
      const document = await this.#registry.documents.get(this.#names.paused);
      const tasks = edit(this.#pausedIn(document));
      const value: Paused = { tasks };
      if ((await this.#registry.documents.put(this.#names.paused, value, document?.revision ?? 0)) !== null)
        return tasks;
    }
  }
}

/** What the holder of a unit knows of it. */
export interface HeldState<State = UnitState> {
  readonly unit: string;
  readonly token: FencingToken;
  readonly state: State;
}

/** An order's name; a task's has no space. */
export function orderKey(task: string, unit: string | null): string {
  return unit === null ? task : `${task} ${unit}`;
}
