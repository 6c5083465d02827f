import type { z } from 'zod';
import { oncePerObject } from '../runtime/once-per-object.ts';
import { checked } from '../yaml/index.ts';
import type { Entry, Revision } from './store/store.ts';

/** An entry that this release cannot read. What was read of it before stays what is known. */
export interface Unreadable {
  readonly key: string;
  readonly revision: Revision;
  readonly reason: string;
}

/** An entry is not what its key says: it is no JSON, it is damaged, or a later release has written what this one cannot know. */
export class UnreadableEntry extends Error implements Unreadable {
  override readonly name: string = 'UnreadableEntry';
  readonly key: string;
  readonly revision: Revision;
  readonly reason: string;

  constructor({ key, revision }: Pick<Entry, 'key' | 'revision'>, reason: string, options?: ErrorOptions) {
    super(`the registry's entry ${key} cannot be read: ${reason}`, options);
    this.key = key;
    this.revision = revision;
    this.reason = reason;
  }
}

/** What cannot be read at present, each reported once. */
export class UnreadableEntries {
  readonly #known = new Map<string, Unreadable>();
  /** By key, what was last reported of it. */
  readonly #reported = new Map<string, string>();
  /** Called for each, once for each of its revisions. */
  onFound: (found: Unreadable) => void = () => {};
  /** Called when there are others than before. */
  onChange: () => void = () => {};

  get all(): readonly Unreadable[] {
    return [...this.#known.values()];
  }

  note({ key, revision, reason }: Unreadable): void {
    const found = { key, revision, reason };
    const isKnown = this.#known.get(key)?.revision === revision;
    this.#known.set(key, found);
    if (!isKnown) this.onChange();
    const news = `${revision} ${reason}`;
    if (this.#reported.get(key) === news) return;
    this.#reported.set(key, news);
    this.onFound(found);
  }

  /** It is well again, or gone. */
  forget(key: string): void {
    if (this.#known.delete(key)) this.onChange();
  }

  /** Of the keys that begin so one alone still counts. */
  forgetOthers(prefix: string, counts: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(prefix) && key !== counts) this.forget(key);
  }

  /** @returns what is made of an entry, or undefined where it cannot be read, which is noted */
  try<Value>(entry: Entry, of: (entry: Entry) => Value): Value | undefined {
    try {
      const value = of(entry);
      this.forget(entry.key);
      return value;
    } catch (error) {
      if (!(error instanceof UnreadableEntry)) throw error;
      this.note(error);
      return undefined;
    }
  }

  /** What is made of those that can be read. */
  readable<Value>(entries: readonly Entry[], of: (entry: Entry) => Value): Value[] {
    return entries.flatMap((entry) => {
      const value = this.try(entry, of);
      return value === undefined ? [] : [value];
    });
  }
}

/** Any JSON. @throws UnreadableEntry */
export function jsonOf(entry: Entry): unknown {
  try {
    return JSON.parse(entry.value);
  } catch (cause) {
    throw new UnreadableEntry(entry, 'it is not JSON', { cause });
  }
}

/** Reads entries by a schema, each once: a store tells all of a process's followers of the same one. */
const readerBy = oncePerObject((schema: z.ZodType) =>
  oncePerObject((entry: Entry): unknown => {
    const found = checked(schema, jsonOf(entry));
    if ('value' in found) return found.value;
    throw new UnreadableEntry(entry, found.fault);
  }),
);

/**
 * An entry as its schema has it; fields that this release does not know are left out, unless the schema keeps them. The same
 * entry gives the same value again: nobody changes it.
 * @throws UnreadableEntry
 */
export function parsed<Schema extends z.ZodType>(entry: Entry, schema: Schema): Readonly<z.output<Schema>> {
  return readerBy(schema)(entry) as z.output<Schema>;
}
