import type { Socket } from 'node:net';
import { ReadPause } from '../../io/index.ts';

/** Why no further command is taken for now; bits. */
export const Wait = {
  /** One could not be sent yet: those behind it must not overtake it. */
  Unsent: 1,
  /** All that is under way has to be answered first. */
  All: 2,
  /** The client does not read. */
  Client: 4,
  /** The shard of the last one does not read. */
  Shard: 8,
  /** As many are under way as may be. */
  Many: 16,
} as const;

/** How far a client is read ahead of what it waits for: a socket that is not read does not show that its client has gone. */
const AHEAD_BYTES = 65536;

/** Whoever takes a client's commands, and can stop between two of them. */
export interface Pausable {
  pause(): void;
  /** Goes on with what has come meanwhile. */
  resume(): void;
}

/** When a client's commands are taken, and its socket is read. */
export class Pace {
  readonly #pause: ReadPause;
  readonly #commands: Pausable;
  #waits = 0;
  #isResuming = false;
  #isStopped = false;
  /** Bytes that have come while no command is taken. */
  #ahead = 0;

  constructor(socket: Socket, commands: Pausable) {
    this.#pause = new ReadPause(socket);
    this.#commands = commands;
  }

  get isWaiting(): boolean {
    return this.#waits !== 0 || this.#isResuming;
  }

  waitsFor(reason: number): boolean {
    return (this.#waits & reason) !== 0;
  }

  /** Bytes have come from the socket. */
  onBytes(count: number): void {
    if (this.#waits === 0) return;
    this.#ahead += count;
    if (this.#ahead > AHEAD_BYTES) this.#pause.begin();
  }

  /** Has the next command wait. */
  wait(reason: number): void {
    if (this.#waits === 0) this.#commands.pause();
    this.#waits |= reason;
  }

  /** A reason to wait is no more. */
  end(reason: number): void {
    if ((this.#waits & reason) === 0) return;
    this.#waits &= ~reason;
    if (this.#waits !== 0 || this.#isResuming) return;
    this.#isResuming = true;
    // Not from inside what has just answered or sent something: it may be in the middle of a list.
    queueMicrotask(() => this.#resume());
  }

  #resume(): void {
    this.#isResuming = false;
    if (this.#isStopped || this.#waits !== 0) return;
    this.#commands.resume();
    // What is kept still then came ahead.
    if (this.#waits !== 0) return;
    this.#ahead = 0;
    this.#pause.end();
  }

  /** No command is taken any more. */
  stop(): void {
    this.#isStopped = true;
  }
}
