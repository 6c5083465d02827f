import { setTimeout as delay } from 'node:timers/promises';
import { EtcdMembersError } from '../../../proxy/index.ts';

/** How long is waited for what takes a second or two. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 200;

/** Asks again and again until it is so, also where it cannot be told yet. @throws Error where it never is */
export async function until(what: string, stopping: AbortSignal, isSo: () => Promise<boolean>): Promise<void> {
  let fault: unknown;
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await delay(PAUSE_MS)) {
    stopping.throwIfAborted();
    try {
      if (await isSo()) return;
    } catch (error) {
      if (!(error instanceof EtcdMembersError)) throw error;
      fault = error;
    }
  }
  throw new Error(`it has taken longer than ${PATIENCE_MS / 1000} s until ${what}`, { cause: fault });
}
