import type { Upstream } from '../core/owner/upstream.ts';
import type { RedisOwners } from './redis-owners.ts';
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

  /**
   * Those of them that a cluster has at the moment. A shard that has left, or has another server by now, is reported as gone, once: nobody can say
   * which replicas have what was written to it.
   */
  presentIn(owners: RedisOwners): { readonly present: readonly Upstream<RedisPool>[]; readonly isOneGone: boolean } {
    const sought = new Set([...(this.#all ?? [])].map(placeOf));
    const present: Upstream<RedisPool>[] = [];
    for (let index = 0; index < owners.size && sought.size > 0; index++)
      if (sought.delete(placeOf(owners.placeOf(index)))) present.push(owners.reach(index));
    if (sought.size > 0) {
      this.#last = null;
      this.#all = new Set(present);
    }
    return { present, isOneGone: sought.size > 0 };
  }
}

/** Where a shard is: what tells it from another server under the same name. */
function placeOf({ id, address }: { readonly id: string; readonly address: string }): string {
  return `${id} ${address}`;
}
