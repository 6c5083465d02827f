import { createHmac, randomUUID } from 'node:crypto';
import { request } from 'undici';
import type { Pause } from '../../runtime/pause.ts';
import type { TopologyName } from '../../topology/index.ts';
import type { ClusterEvent, EventName } from '../event.ts';

/** Somebody who wants to be called when something happens. */
export interface WebhookSettings {
  readonly url: string;
  /** Of these kinds. */
  readonly events: readonly EventName[];
  /** What calls are signed with; null: they are not. */
  readonly secret: string | null;
}

/** What is reported to people of calls. */
export interface WebhookLog {
  /** @param dropped how many in all, since the process began */
  onDropped(url: string, reason: string, dropped: number): void;
}

/** What has happened while a receiver was away for long is told by its cluster's state, too. */
const MAX_QUEUED = 1000;
/** It doubles from the first to the last: by then a receiver has been away for about a quarter of an hour. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const MAX_ATTEMPTS = 20;
/** A receiver notes what it is told, and does its work later. */
const ANSWER_MS = 10_000;

/** What a receiver may answer the next time with something else: it is overloaded, or too slow. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

interface Call {
  readonly id: string;
  readonly event: EventName;
  readonly body: string;
}

/** What is waited by between attempts, and told to receivers. */
export interface WebhookSurroundings {
  /** Milliseconds since 1970. */
  readonly timeOfDayMs: () => number;
  readonly pause: Pause;
}

/** Tells one receiver what happens, in order, one call after the other. It never waits for it: what it cannot be told in time is dropped. */
export class Webhook {
  readonly #settings: WebhookSettings;
  readonly #log: WebhookLog;
  readonly #around: WebhookSurroundings;
  readonly #signal: AbortSignal;
  readonly #queue: Call[] = [];
  #isCalling = false;
  #dropped = 0;

  /** @param signal ends it: what has not been told by then is not */
  constructor(settings: WebhookSettings, log: WebhookLog, around: WebhookSurroundings, signal: AbortSignal) {
    this.#settings = settings;
    this.#log = log;
    this.#around = around;
    this.#signal = signal;
  }

  /** Has the receiver be told, if it wants to know. */
  emit({ namespace, cluster }: TopologyName, event: ClusterEvent): void {
    if (!this.#settings.events.includes(event.event)) return;
    const id = randomUUID();
    const atMs = this.#around.timeOfDayMs();
    // The latest say most of how things are.
    if (this.#queue.length >= MAX_QUEUED) {
      this.#queue.shift();
      this.#drop(`${MAX_QUEUED} others wait to be told`);
    }
    this.#queue.push({ id, event: event.event, body: JSON.stringify({ id, atMs, namespace, cluster, ...event }) });
    if (!this.#isCalling) void this.#callAll();
  }

  async #callAll(): Promise<void> {
    this.#isCalling = true;
    for (let call = this.#queue.shift(); call !== undefined && !this.#signal.aborted; call = this.#queue.shift())
      await this.#tell(call);
    this.#isCalling = false;
  }

  async #tell(call: Call): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    for (let attempt = 1; !this.#signal.aborted; attempt++) {
      const { fault, isPassing } = await this.#call(call);
      if (fault === null) return;
      if (!isPassing || attempt >= MAX_ATTEMPTS) {
        this.#drop(fault);
        return;
      }
      await this.#around.pause(retryMs, this.#signal);
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
    }
  }

  async #call({ id, event, body }: Call): Promise<{ readonly fault: string | null; readonly isPassing: boolean }> {
    const { url, secret } = this.#settings;
    const timestamp = String(Math.floor(this.#around.timeOfDayMs() / 1000));
    const headers = {
      'content-type': 'application/json',
      'x-keyway-event': event,
      'x-keyway-delivery': id,
      'x-keyway-timestamp': timestamp,
      ...(secret === null ? {} : { 'x-keyway-signature': `sha256=${signatureOf(secret, timestamp, body)}` }),
    };
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const { statusCode, body: answer } = await request(url, { method: 'POST', headers, body, signal });
      // Whatever it says more is not read.
      answer.on('error', () => {});
      answer.destroy();
      if (statusCode >= 200 && statusCode < 300) return { fault: null, isPassing: false };
      return { fault: `it answers ${statusCode}`, isPassing: statusCode >= 500 || PASSING.has(statusCode) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { fault: typeof code === 'string' ? code : message, isPassing: true };
    }
  }

  #drop(reason: string): void {
    this.#dropped++;
    this.#log.onDropped(this.#settings.url, reason, this.#dropped);
  }
}

/** What a receiver compares: it shows who has sent the body, and when. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}
