import type { Change } from './document-store.ts';

/** A stream that watches a document. */
export interface DocumentWatch {
  onChange(change: Change): void;
  /** The shard does not serve the document any more. */
  onLost(): void;
}

/** The watches on each document of this shard. */
export class DocumentWatches {
  readonly #watches = new Map<string, Set<DocumentWatch>>();

  /** @returns what ends the watch */
  add(key: string, watch: DocumentWatch): () => void {
    const watches = this.#watches.get(key) ?? new Set();
    this.#watches.set(key, watches);
    watches.add(watch);
    return () => {
      watches.delete(watch);
      if (watches.size === 0) this.#watches.delete(key);
    };
  }

  announce(change: Change): void {
    for (const watch of this.#watches.get(change.document.key) ?? []) watch.onChange(change);
  }

  /** Ends the watches of documents that are not served any more. */
  drop(serves: (key: string) => boolean): void {
    for (const [key, watches] of [...this.#watches]) {
      if (serves(key)) continue;
      for (const watch of [...watches]) watch.onLost();
    }
  }
}
