/** The family Redis. */
export type { RedisEntryDescription, RedisMode } from './entry.ts';
export { explainCommand } from './explain-command.ts';
export { redis } from './redis-family.ts';
export type { RedisSettings } from './redis-settings.ts';
