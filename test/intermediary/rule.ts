import type { Hop, Way } from './hop.ts';

/** A rule of HTTP for those in the middle, by the id that docs/intermediary.md has for it. */
export interface Rule {
  readonly id: string;
  readonly ways: readonly Way[];
  readonly holds: (hop: Hop) => Promise<void>;
}
