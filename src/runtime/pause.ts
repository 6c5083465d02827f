import { jitter } from './jitter.ts';

/** Between attempts while a store is away: soon enough for an outage to end for us when it ends. */
export const RETRY_MS = 200;

/** By how much a pause is longer or shorter at most, where nothing else is said. */
const SHARE = 0.5;

/**
 * Waits, or until `signal` is aborted.
 * @param share by how much it is longer or shorter at most, so that many that wait do not come back at one moment; 0.5 by default
 */
export type Pause = (waitMs: number, signal: AbortSignal, share?: number) => Promise<void>;

/** Pauses whose lengths are drawn at random. @param random between 0 and 1 */
export function pausesBy(random: () => number): Pause {
  return (waitMs, signal, share = SHARE) => {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, waitMs * jitter(share, random));
      signal.addEventListener('abort', end);
    });
  };
}
