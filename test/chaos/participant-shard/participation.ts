import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ParticipantCall, ParticipantReply, ParticipantStep } from '../../../src/node/participant/calls.ts';
import { machineClock } from '../../../src/runtime/machine-clock.ts';
import type { Guard, NotServed, Work } from '../plain-shard/guard.ts';

/** How long a request waits for what this process is about to be told. */
const PATIENCE_MS = 2000;
const PAUSE_MS = 10;
/** How often it looks whether the time is over for which it may serve. */
const TICK_MS = 50;
/** Of one question. */
const MOST_KEYS = 10_000;

/** A key that is this shard's own. */
interface Entry {
  readonly key: string;
  /** Requests under way, watches included. */
  busy: number;
  isLeaving: boolean;
  readonly onLost: Set<() => void>;
}

interface Answer {
  readonly sequence: number;
  readonly lostBy: readonly number[];
}

/** A backend's own part in handoffs, as docs/participant.md asks for. */
export class Participation implements Guard {
  readonly #id = randomUUID();
  /** Drops a key from memory. */
  readonly #forget: (key: string) => void;
  #agent = '';
  #sequence = 0;
  /** The last call that was no renewal. */
  #step = 0;
  #version = 0;
  #untilMs = 0;
  #ask = '';
  #entries = new Map<string, Entry>();
  #waiting: Array<() => void> = [];

  constructor(forget: (key: string) => void) {
    this.#forget = forget;
    setInterval(() => this.#lookAtClock(), TICK_MS);
  }

  get #serves(): boolean {
    return machineClock() < this.#untilMs;
  }

  #lookAtClock(): void {
    if (!this.#serves) for (const entry of this.#entries.values()) endWatches(entry);
  }

  // ---- requests ------------------------------------------------------------------------------------------------------

  async begin(key: string, askedBy: number): Promise<Work | NotServed> {
    const deadlineMs = machineClock() + PATIENCE_MS;
    for (;;) {
      const serves = this.#serves && askedBy <= this.#version;
      const entry = this.#entries.get(key);
      if (serves && entry?.isLeaving === false) return this.#work(entry);
      if (machineClock() > deadlineMs) return { kind: 'unknown' };
      const answer = serves ? await this.#asked([key]) : null;
      // An answer from before the last call is past.
      const [lostBy] = answer !== null && answer.sequence >= this.#sequence ? answer.lostBy : [];
      if (lostBy !== undefined && lostBy > 0) return { kind: 'stale', version: lostBy };
      if (lostBy !== undefined && lostBy < 0) return { kind: 'unknown' };
      if (lostBy === 0 && !this.#entries.has(key))
        this.#entries.set(key, { key, busy: 0, isLeaving: false, onLost: new Set() });
      else await this.#changed(PAUSE_MS);
    }
  }

  /** Counts a request as under way. */
  #work(entry: Entry): Work {
    const version = this.#version;
    entry.busy++;
    let onLost: (() => void) | null = null;
    return {
      version,
      mayGoOn: () => this.#serves,
      onLost: (callback) => {
        onLost = callback;
        entry.onLost.add(callback);
        if (entry.isLeaving || !this.#serves) callback();
      },
      end: () => {
        entry.busy--;
        if (onLost !== null) entry.onLost.delete(onLost);
        this.#wake();
      },
    };
  }

  async #asked(keys: readonly string[]): Promise<Answer | null> {
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    try {
      const response = await fetch(this.#ask, { method: 'POST', headers, body: JSON.stringify({ keys }), signal });
      return response.status === 200 ? ((await response.json()) as Answer) : null;
    } catch {
      return null;
    }
  }

  // ---- steps of a change ---------------------------------------------------------------------------------------------

  /** Does what the agent asks for. */
  async take(step: ParticipantStep, call: ParticipantCall): Promise<ParticipantReply> {
    const isFirst = call.backend === '';
    const isMeant = isFirst || (call.backend === this.#id && call.agent === this.#agent);
    if (!isMeant || (call.agent === this.#agent && call.sequence <= this.#sequence)) return this.#reply(true);
    [this.#agent, this.#sequence, this.#ask] = [call.agent, call.sequence, call.ask];
    [this.#version, this.#untilMs] = [call.version, call.serveUntilMs];
    if (isFirst || step !== 'serve') this.#step = call.sequence;
    this.#wake();
    return this.#reply(!(await this.#carryOut(isFirst ? 'hello' : step, call.sequence)));
  }

  #reply(isRefused: boolean): ParticipantReply {
    return { backend: this.#id, agent: this.#agent, clockMs: machineClock(), isRefused };
  }

  /** @returns whether it is done; false: another step has come meanwhile */
  #carryOut(step: ParticipantStep | 'hello', sequence: number): boolean | Promise<boolean> {
    switch (step) {
      case 'hello':
        return this.#drop(sequence, () => true);
      case 'hold':
        return this.#hold(sequence);
      case 'drop':
        return this.#drop(sequence, ({ isLeaving }) => isLeaving);
      case 'abort':
        for (const entry of this.#entries.values()) entry.isLeaving = false;
        return true;
      default:
        return true;
    }
  }

  async #hold(step: number): Promise<boolean> {
    const keys = [...this.#entries.keys()];
    const lost: string[] = [];
    for (let at = 0; at < keys.length; at += MOST_KEYS) {
      const part = keys.slice(at, at + MOST_KEYS);
      let answer = await this.#asked(part);
      while (answer === null || answer.sequence < step) {
        await pause(PAUSE_MS);
        if (this.#step !== step) return false;
        answer = await this.#asked(part);
      }
      const { lostBy } = answer;
      lost.push(...part.filter((_, i) => lostBy[i] !== 0));
    }
    if (this.#step !== step) return false;
    return this.#leave(
      lost.flatMap((key) => this.#entries.get(key) ?? []),
      step,
    );
  }

  /** Refuses some keys from now on, and waits until nothing is under way for them. */
  async #leave(entries: readonly Entry[], step: number): Promise<boolean> {
    for (const entry of entries) {
      entry.isLeaving = true;
      endWatches(entry);
    }
    while (this.#step === step && entries.some(({ busy }) => busy > 0)) await this.#changed(PATIENCE_MS);
    return this.#step === step;
  }

  async #drop(step: number, goes: (entry: Entry) => boolean): Promise<boolean> {
    const entries = [...this.#entries.values()].filter(goes);
    if (!(await this.#leave(entries, step))) return false;
    for (const { key } of entries) {
      this.#entries.delete(key);
      this.#forget(key);
    }
    return true;
  }

  /** Resolves once something has changed, or after a while. */
  async #changed(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#waiting.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function endWatches({ onLost }: Entry): void {
  for (const callback of [...onLost]) callback();
}
