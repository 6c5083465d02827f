import { REDIS_LIMITS, type RequestLimits } from '../../resp/index.ts';
import type { CoreContext } from '../core/context.ts';

/** One part of what may wait for a shard. */
const SHARE = 4;

/**
 * The most that one client may have sent to a shard in one piece. It goes over the connection that all clients share, which is lost for all of
 * them where more waits for the shard than may: so it is a share of that.
 */
export function maxWholeBytes({ buffers }: CoreContext): number {
  return Math.floor(buffers.maxUnsentBytes / SHARE);
}

/** Redis's own, but for what is kept of a command until it is whole: larger ones are passed on as they come, where they can be. */
export function limitsOf(core: CoreContext): RequestLimits {
  return { ...REDIS_LIMITS, maxCollectedBytes: maxWholeBytes(core) };
}
