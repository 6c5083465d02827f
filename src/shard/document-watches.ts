import type { Change } from './document-store.ts';

type Listener = (change: Change) => void;

/** Who watches which document on this shard. */
export class DocumentWatches {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** @returns what ends the watch */
  add(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
    };
  }

  announce(change: Change): void {
    for (const listener of this.#listeners.get(change.document.key) ?? []) listener(change);
  }
}
