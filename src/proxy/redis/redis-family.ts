import type { Family } from '../core/family.ts';
import type { RedisSettings } from './redis-settings.ts';
import { redisReplies } from './replies.ts';

/** Why commands are answered by the router itself, besides what the core refuses. */
const refusalReasons = [
  'unknown_command',
  'bad_command',
  'refused_command',
  'unauthenticated',
  'not_permitted',
  'cross_slot',
  'too_long',
  'moved',
  'no_owner',
  'held_too_long',
  'held_too_many',
  'no_lease',
  'failure',
] as const;

/** Redis and what speaks its protocol, in both versions, as one server. */
export const redis: Family<'redis', RedisSettings> = {
  name: 'redis',
  counted: { refusals: refusalReasons, floods: ['stalled', 'unsent', 'backlog', 'slow'], statuses: [redisReplies] },
  // The table of commands is read where it is needed: commands that start no router are spared it.
  async load() {
    const { RedisRouter } = await import('./redis-router.ts');
    return (host) => new RedisRouter(host);
  },
};
