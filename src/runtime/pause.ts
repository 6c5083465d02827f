import { jitter } from './jitter.ts';

/** Between attempts while a store is away: soon enough for an outage to end for us when it ends. */
export const RETRY_MS = 200;

/**
 * Waits, or until `signal`.
 * @param share so much longer or shorter at most, so that many who wait do not come at one moment
 * @param random between 0 and 1
 */
export function pause(
  waitMs: number,
  signal: AbortSignal,
  share = 0.5,
  random: () => number = Math.random,
): Promise<void> {
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
}
