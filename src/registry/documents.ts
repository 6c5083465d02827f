import type { z } from 'zod';
import { checked } from '../yaml/index.ts';
import { electionKey } from './elections.ts';
import { type FencingToken, revisionOf } from './fencing-token.ts';
import { follow } from './follow.ts';
import type { Condition, Entry, Revision } from './store/store.ts';
import type { TrackedStore } from './tracked-store.ts';
import { jsonOf } from './unreadable.ts';

/** A small document: JSON, by name. */
export interface StoredDocument {
  readonly name: string;
  readonly value: unknown;
  readonly revision: Revision;
}

/** What has to hold for several changes at once. */
export type Expectation =
  /** The document is at this revision; 0: there is none. */
  | { readonly document: string; readonly revision: Revision | 0 }
  /** The term of this token goes on. */
  | { readonly election: string; readonly token: FencingToken };

/** @param value null deletes it */
export interface DocumentChange {
  readonly name: string;
  readonly value: unknown;
}

const keyOf = (name: string): string => `document/${name}`;

/**
 * Small documents, such as a task's state. They are changed by compare-and-set, so two writers at once lose no change.
 */
export class Documents {
  readonly #store: TrackedStore;

  constructor(store: TrackedStore) {
    this.#store = store;
  }

  /** Null where there is none. One that is no JSON has the value undefined. */
  async get(name: string): Promise<StoredDocument | null> {
    const entry = await this.#store.get(keyOf(name));
    return entry === null ? null : this.#documentOf(entry);
  }

  /** All whose names begin so. */
  async list(prefix: string): Promise<StoredDocument[]> {
    const { entries } = await this.#store.list(keyOf(prefix));
    return entries.map((entry) => this.#documentOf(entry));
  }

  /**
   * @param expected the revision that it was read at; 0: there is none
   * @returns the revision now, or null where it is not as expected: nothing was written
   */
  put(name: string, value: unknown, expected: Revision | 0): Promise<Revision | null> {
    return this.commit([{ document: name, revision: expected }], [{ name, value }]);
  }

  /**
   * Carries out all changes, if all that is expected holds.
   * @returns the revision, or null where it does not: nothing was changed
   */
  commit(expected: readonly Expectation[], changes: readonly DocumentChange[]): Promise<Revision | null> {
    return this.#store.commit(
      expected.map(conditionOf),
      changes.map(({ name, value }) => ({ key: keyOf(name), value: value === null ? null : JSON.stringify(value) })),
    );
  }

  /**
   * What a document says, by its schema. A document that does not match the schema is noted and reads as undefined, as
   * if it had never been written, except that it has a revision.
   */
  read<Schema extends z.ZodType>(
    { name, value, revision }: StoredDocument,
    schema: Schema,
  ): z.output<Schema> | undefined {
    const found = checked(schema, value);
    if ('value' in found) return found.value;
    this.#store.unreadable.note({ key: keyOf(name), revision, reason: found.fault });
    return undefined;
  }

  #documentOf(entry: Entry): StoredDocument {
    const { key, revision } = entry;
    return { name: key.slice(keyOf('').length), value: this.#store.unreadable.try(entry, jsonOf), revision };
  }

  /** @returns false where it is not as expected */
  async delete(name: string, expected: Revision): Promise<boolean> {
    return (await this.commit([{ document: name, revision: expected }], [{ name, value: null }])) !== null;
  }

  /** Yields all documents with this prefix, at first and whenever changes were missed, and then each change. */
  async *watch(
    prefix: string,
    signal: AbortSignal,
  ): AsyncGenerator<{
    readonly all: boolean;
    readonly changed: readonly StoredDocument[];
    readonly deleted: string[];
  }> {
    for await (const event of follow(this.#store, keyOf(prefix), signal)) {
      if (event.kind === 'state')
        yield { all: true, changed: event.entries.map((entry) => this.#documentOf(entry)), deleted: [] };
      if (event.kind !== 'changes') continue;
      yield {
        all: false,
        changed: event.events.flatMap(({ entry }) => (entry === null ? [] : [this.#documentOf(entry)])),
        deleted: event.events.flatMap(({ key, entry }) => (entry === null ? [key.slice(keyOf('').length)] : [])),
      };
    }
  }
}

function conditionOf(expected: Expectation): Condition {
  if ('document' in expected) return { key: keyOf(expected.document), revision: expected.revision };
  // A leader's entry is written once: its token is its revision.
  return { key: electionKey(expected.election), revision: revisionOf(expected.token) };
}
