import { Router } from './router.ts';
import type { RouterBirth } from './router-calls.ts';

/** What a router needs of the world outside. */
export interface RouterSurroundings {
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly random: () => number;
  /** The time of day, as log lines have it. */
  readonly timeOfDay: () => string;
}

/** A thread's router, by the settings that it begins with. */
export function startRouter({ settings, connections }: RouterBirth, outside: RouterSurroundings): Promise<Router> {
  return Router.start({ ...outside, ...settings, connections });
}
