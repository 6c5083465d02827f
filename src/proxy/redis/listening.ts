import type { Protocol } from '../../resp/index.ts';
import type { Upstream } from '../core/owner/upstream.ts';
import type { KeptBytes } from './kept-bytes.ts';
import type { RedisOwners } from './redis-owners.ts';
import type { RedisPool } from './shards/redis-pool.ts';

/** What a subscriber asks of a shard. */
export interface ShardWish {
  readonly command: Uint8Array;
  /** It begins a subscription, in place of ending one. */
  readonly isOn: boolean;
  /** The name, by which the shard is found; null where it is for that shard, whatever its keys. */
  readonly key: string | null;
  /** Where it goes by the owners of a later version; null: nowhere. */
  ownerIn(owners: RedisOwners): Upstream<RedisPool> | null;
  /** It is about to be sent. */
  onSent(owner: Upstream<RedisPool>): void;
  /** It is asked again, whatever answers its client waits for by now: what is in its way may wait for its confirmation. */
  readonly isAgain: boolean;
  /** It cannot be sent. The client is told afterwards, but where it is asked again. */
  onFailed(text: string): void;
}

/** What a subscriber needs of its session. */
export interface Listening {
  readonly protocol: Protocol;
  readonly keptBytes: KeptBytes;
  /** Writes what is no answer, between two answers. */
  push(bytes: Uint8Array, start: number, end: number): void;
  /** Whether a shard of the cluster is told by the others what is published at them; null where that is not known. */
  hasBus(owners: RedisOwners): boolean | null;
  /** Sends a command over the connection that the subscriber has to a shard, once all before it is answered. */
  sendToShard(owners: RedisOwners, owner: Upstream<RedisPool>, wish: ShardWish): void;
  /**
   * Calls back before something is asked again, with the owners by then; null where there are none.
   * @param attempt the first repetition is 1, and comes at once
   */
  afterPause(attempt: number, callback: (owners: RedisOwners | null) => void): void;
  /** Calls back once all that was asked before is answered. */
  inTurn(callback: () => void): void;
  /** The same, and nothing that comes after it is taken before. */
  afterAll(callback: () => void): void;
  /** What the client asks from now on is answered only once the returned function has been called. */
  holdAnswers(): () => void;
  /** What comes from a shard comes no more. */
  onListeningLost(): void;
}
