import { setTimeout as delay } from 'node:timers/promises';

/** Between attempts while a store is away: soon enough for an outage to end for us when it ends. */
export const RETRY_MS = 200;

/**
 * Waits, or until `signal`.
 * @param share so much longer or shorter at most, so that many who wait do not come at one moment
 */
export async function pause(waitMs: number, signal: AbortSignal, share = 0.5): Promise<void> {
  await delay(waitMs * (1 + share * (2 * Math.random() - 1)), undefined, { signal }).catch(() => {});
}
