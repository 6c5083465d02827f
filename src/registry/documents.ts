import { follow } from './follow.ts';
import type { Revision, Store } from './store/store.ts';

/** A small document: JSON, by name. */
export interface StoredDocument {
  readonly name: string;
  readonly value: unknown;
  readonly revision: Revision;
}

const keyOf = (name: string): string => `document/${name}`;

/** Small documents, such as a task's state: changed by compare-and-set, so that two who change one at once do not lose a change. */
export class Documents {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async get(name: string): Promise<StoredDocument | null> {
    const entry = await this.#store.get(keyOf(name));
    return entry === null ? null : documentOf(entry);
  }

  /** All whose names begin so. */
  async list(prefix: string): Promise<StoredDocument[]> {
    const { entries } = await this.#store.list(keyOf(prefix));
    return entries.map(documentOf);
  }

  /**
   * @param expected the revision that it was read at; 0: there is none
   * @returns the revision now, or null where it is not as expected: nothing was written
   */
  put(name: string, value: unknown, expected: Revision | 0): Promise<Revision | null> {
    const key = keyOf(name);
    return this.#store.commit([{ key, revision: expected }], [{ key, value: JSON.stringify(value) }]);
  }

  /** @returns false where it is not as expected */
  async delete(name: string, expected: Revision): Promise<boolean> {
    const key = keyOf(name);
    return (await this.#store.commit([{ key, revision: expected }], [{ key, value: null }])) !== null;
  }

  /** Tells of all whose names begin so, first and whenever changes were missed, and then of each change. */
  async *watch(
    prefix: string,
    signal: AbortSignal,
  ): AsyncGenerator<{
    readonly all: boolean;
    readonly changed: readonly StoredDocument[];
    readonly deleted: string[];
  }> {
    for await (const event of follow(this.#store, keyOf(prefix), signal)) {
      if (event.kind === 'state') yield { all: true, changed: event.entries.map(documentOf), deleted: [] };
      if (event.kind !== 'changes') continue;
      yield {
        all: false,
        changed: event.events.flatMap(({ entry }) => (entry === null ? [] : [documentOf(entry)])),
        deleted: event.events.flatMap(({ key, entry }) => (entry === null ? [key.slice(keyOf('').length)] : [])),
      };
    }
  }
}

function documentOf({ key, value, revision }: { key: string; value: string; revision: Revision }): StoredDocument {
  return { name: key.slice(keyOf('').length), value: JSON.parse(value), revision };
}
