import type { FailureCause } from '../../core/failure.ts';
import type { Refusal } from '../../core/refusal.ts';
import { type LocalReply, localReply } from './local-reply.ts';

/** What a client receives when its request has failed. */
const REPLIES: Readonly<Record<FailureCause, (shard: string, reason: string) => LocalReply>> = {
  not_switched: (shard) => localReply.notSwitched(shard),
  declined: (shard) => localReply.ownerReset(shard),
  unreachable: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  lost: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  refused: (shard) => localReply.ownerUnavailable(shard, 'it refuses the request'),
  gave_up: (shard) => localReply.ownerReset(shard),
  stalled: (shard) => localReply.ownerUnavailable(shard, 'it does not take the content'),
  violation: (shard, reason) => localReply.upstreamFault(shard, reason),
  unhealthy: (shard, reason) => localReply.ownerUnavailable(shard, reason),
  overloaded: (shard) => localReply.overloaded(shard),
};

/** What the core refuses, in HTTP's words. */
export function replyTo(refusal: Refusal): LocalReply {
  switch (refusal.kind) {
    case 'no_owner':
      return localReply.noOwner(refusal.cluster);
    case 'held_too_long':
      return localReply.heldTooLong(refusal.cluster, refusal.retryAfterMs);
    case 'held_too_many':
      return localReply.heldTooMany(refusal.cluster, refusal.retryAfterMs);
    case 'no_lease':
      return refusal.shard === undefined
        ? localReply.noLease(refusal.cluster)
        : localReply.shardWithoutLease(refusal.shard, refusal.cluster);
    case 'lost_key':
      return localReply.lostKey(refusal.cluster, refusal.version);
    case 'failure':
      return REPLIES[refusal.failure](refusal.shard, refusal.reason);
  }
}
