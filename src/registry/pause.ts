import { setTimeout as delay } from 'node:timers/promises';

/** Waits for half to one and a half times as long, so that many who wait do not come at one moment; or until `signal`. */
export async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await delay(waitMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
}
