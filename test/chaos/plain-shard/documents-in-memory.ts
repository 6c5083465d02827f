import type { StoredDocument } from '../../../src/shard/document-store.ts';
import { DocumentStore } from '../../../src/shard/index.ts';

/** Whoever is told of a document's changes. */
export type OnChange = (document: StoredDocument) => void;

/**
 * The documents of a shard that trusts its router: what it has read once it serves from memory for as long as it is asked by
 * the same version, as nobody else can have changed it then. Where somebody has, what it answers is old.
 */
export class DocumentsInMemory {
  readonly #store: DocumentStore;
  readonly #shard: string;
  readonly #isFenced: boolean;
  readonly #held = new Map<string, { readonly version: number; readonly document: StoredDocument | null }>();
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #watchers = new Map<string, Set<OnChange>>();

  /** @param isFenced whether the store is shown the version with each write, and refuses what is past */
  constructor(file: string, shard: string, isFenced: boolean) {
    this.#store = new DocumentStore(file);
    this.#shard = shard;
    this.#isFenced = isFenced;
  }

  /** Works on a document by itself: what is asked of it meanwhile waits for its turn. */
  alone<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(work);
    this.#last.set(
      key,
      result.catch(() => {}),
    );
    return result;
  }

  /** @param version by which it is asked for */
  read(key: string, version: number): StoredDocument | null {
    const held = this.#held.get(key);
    if (held !== undefined && held.version >= version) return held.document;
    const document = this.#store.get(key);
    this.#held.set(key, { version, document });
    return document;
  }

  /** @throws StaleToken where the store is fenced, and a later version has written */
  write(key: string, value: Uint8Array, version: number): StoredDocument {
    const held = this.#held.get(key);
    const known = held?.version ?? 0;
    const newest = Math.max(version, known);
    // A router that has not heard of a version yet may ask for a key that stays: where nobody else has written since, it is one's own still.
    const isOwn = held !== undefined && held.document?.revision === this.#store.get(key)?.revision;
    const token = { shard: this.#shard, version: this.#isFenced ? (isOwn ? newest : version) : 0 };
    const document = this.#store.put(key, value, null, token);
    this.#held.set(key, { version: newest, document });
    for (const onChange of this.#watchers.get(key) ?? []) onChange(document);
    return document;
  }

  /** Somebody else may change it from now on. */
  forget(key: string): void {
    this.#held.delete(key);
  }

  changesAfter(key: string, revision: number): StoredDocument[] {
    return this.#store.changesAfter(key, revision).map(({ document }) => document);
  }

  /** @returns what ends it */
  watch(key: string, onChange: OnChange): () => void {
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers);
    watchers.add(onChange);
    return () => watchers.delete(onChange);
  }
}
