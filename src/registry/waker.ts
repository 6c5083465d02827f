import { EventQueue } from '../runtime/event-queue.ts';
import type { Pause } from '../runtime/pause.ts';
import { StoreUnavailable } from './store/store.ts';
import { UnreadableEntry } from './unreadable.ts';

/**
 * Does work whenever something has happened that it may depend on, one run at a time; once for all that happens
 * meanwhile.
 */
export class Waker {
  readonly #pause: Pause;
  readonly #events = new EventQueue<null>();
  #timer: NodeJS.Timeout | undefined;
  #isAwake = false;

  /** @param pause between attempts */
  constructor(pause: Pause) {
    this.#pause = pause;
  }

  wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    this.#events.push(null);
  }

  /** Wakes it later; an earlier call no longer counts. */
  wakeIn(ms: number): void {
    this.cancel();
    this.#timer = setTimeout(() => this.wake(), Math.max(1, ms));
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.#events.end(null);
  }

  /**
   * Does the work until `signal` is aborted.
   * @param retryMs how long to wait before another try if the registry was away, or until `passes` may say otherwise. What the registry has and cannot be
   *   read is waited for until something wakes it: the followed entries report when it is fixed
   */
  async run(
    work: () => Promise<void>,
    retryMs: number,
    signal: AbortSignal,
    passes: (error: unknown) => boolean = () => false,
  ): Promise<void> {
    const onAbort = (): void => this.end();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    for await (const _event of this.#events) {
      if (signal.aborted) break;
      this.#isAwake = false;
      try {
        await work();
      } catch (error) {
        if (error instanceof UnreadableEntry) continue;
        if (!(error instanceof StoreUnavailable) && !passes(error)) throw error;
        await this.#pause(retryMs, signal);
        this.wake();
      }
    }
    this.cancel();
  }
}
