import type { Protocol } from '../../../resp/index.ts';
import type { OutgoingRequest } from '../../core/owner/outgoing-request.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { ReplyTaker } from './reply-taker.ts';

/** A command as the pool of its shard sees it. */
export interface RedisCall extends OutgoingRequest, ReplyTaker {
  /** What its client speaks: its answer is passed on as it comes. */
  readonly protocol: Protocol;
  /** It has a connection to itself until it is answered. */
  readonly isAlone: boolean;
  /** The connection that it has to itself already; null where it has none. */
  readonly own: RedisConnection | null;
  /** Writes the command. */
  sendOn(connection: RedisConnection): void;
  /** Its connection is kept waiting by another client: what its own client sends next must not overtake it elsewhere. */
  onHeldUp(): void;
}
