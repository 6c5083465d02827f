/** What stands under a key, and by which version it was written. */
export interface StoredDocument {
  readonly revision: number;
  readonly value: number;
  readonly version: number;
}

const NONE: StoredDocument = { revision: 0, value: 0, version: 0 };

/** The documents that all shards share, durable; each write is by a version, and one by an earlier version than the last is refused. */
export class SharedDocuments {
  readonly #documents = new Map<string, StoredDocument>();
  /** The newest version that anything was written by. */
  newest = 0;

  read(key: string): StoredDocument {
    return this.#documents.get(key) ?? NONE;
  }

  /** @param version 0: of a shard that knows of none, whose writes are not refused. @returns null where it is refused */
  write(key: string, value: number, version: number): StoredDocument | null {
    const before = this.read(key);
    if (version !== 0 && version < before.version) return null;
    const document = { revision: before.revision + 1, value, version: Math.max(version, before.version) };
    this.#documents.set(key, document);
    this.newest = Math.max(this.newest, version);
    return document;
  }
}
