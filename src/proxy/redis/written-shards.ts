import type { Upstream } from '../core/owner/upstream.ts';
import type { RedisPool } from './shards/redis-pool.ts';

/** The shards that a client has written to. */
export class WrittenShards {
  /** Most writes in a row go to few shards. */
  #last: Upstream<RedisPool> | null = null;
  #all: Set<Upstream<RedisPool>> | null = null;

  note(owner: Upstream<RedisPool>): void {
    if (owner === this.#last) return;
    this.#last = owner;
    this.#all ??= new Set();
    this.#all.add(owner);
  }

  /** A command of a client goes there instead of to another shard: if the client has written at all, it may be a write. */
  noteReroute(owner: Upstream<RedisPool>): void {
    if (this.#all !== null) this.note(owner);
  }

  has(owner: Upstream<RedisPool>): boolean {
    return this.#all?.has(owner) === true;
  }
}
