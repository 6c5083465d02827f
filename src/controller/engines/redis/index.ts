import type { Engine } from '../../engine.ts';
import { RedisNodes } from './redis-nodes.ts';

/** Redis and Valkey in cluster mode. */
export const redis: Engine = { connect: (access) => new RedisNodes(access) };
