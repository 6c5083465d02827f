/** The housekeeping of the reference shard. */
export { type ShardHousekeepingSettings, shardHousekeepingSchema } from './settings.ts';
export { ShardHousekeeping, type ShardHousekeepingOptions } from './shard-housekeeping.ts';
