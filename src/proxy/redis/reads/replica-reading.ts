import type { Upstream } from '../../core/owner/upstream.ts';
import type { CommandInfo } from '../commands/index.ts';
import type { RedisPool } from '../shards/redis-pool.ts';

/**
 * Where an address's reads go. `primary`: to the owner of their keys, as writes do. `preferReplica`: to a replica of it that is healthy, or else to the
 * owner. `replica`: to a replica and nobody else.
 */
export type Reads = 'primary' | 'preferReplica' | 'replica';

/** What a command that goes to a replica remembers of its way. */
export class ReplicaReading {
  readonly reads: Exclude<Reads, 'primary'>;
  /** The owner of its keys, while a replica of it is asked; null before. */
  primary: Upstream<RedisPool> | null = null;
  /** Replicas that could not answer it. */
  readonly tried = new Set<Upstream<RedisPool>>();

  constructor(reads: Exclude<Reads, 'primary'>) {
    this.reads = reads;
  }
}

/** How a command of a client is read; null where it goes to the owner of its keys. */
export function readingOf(readsFrom: Reads, { isRead }: CommandInfo): ReplicaReading | null {
  return readsFrom === 'primary' || !isRead ? null : new ReplicaReading(readsFrom);
}
