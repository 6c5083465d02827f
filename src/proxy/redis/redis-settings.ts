import type { RedisEntryDescription } from './entry.ts';

/** A router's settings for Redis. Plain data. */
export interface RedisSettings {
  /** The addresses at which its clients come in, by the names that their listeners give. */
  readonly entries: Readonly<Record<string, RedisEntryDescription>>;
}
