import type { Socket } from 'node:net';
import type { CoreContext } from './context.ts';
import type { FrontDoor, FrontDoors } from './front-door.ts';
import type { Session } from './session.ts';

/** The first bytes of a client that has just connected are on their way: this is a long round trip. */
const FIRST_BYTES_MS = 1000;
/** By far more bytes than it takes to tell any protocol from the others. */
const MAX_BYTES = 1024;

/** What becomes of a connection. */
export interface UndecidedOwner {
  /**
   * A door takes it, and its bytes from its first one on.
   * @param endsBecause why it has to end behind what its client asks first; null where it may stay
   */
  onDecided(door: FrontDoor, bytes: Uint8Array, start: number, end: number, endsBecause: string | null): void;
  /** It is closed; `unclaimed`: no door knows what it begins with. */
  onClosed(unclaimed: boolean): void;
}

/** A client's connection whose protocol is not known yet: it waits for the bytes that show it. */
export class UndecidedSession implements Session {
  readonly openStreams = 0;
  readonly #socket: Socket;
  readonly #context: CoreContext;
  readonly #doors: FrontDoors;
  readonly #owner: UndecidedOwner;
  readonly #createdMs: number;
  #first: Uint8Array = new Uint8Array(0);
  #endsBecause: string | null = null;
  #endsAtMs = Number.POSITIVE_INFINITY;

  constructor(socket: Socket, context: CoreContext, doors: FrontDoors, owner: UndecidedOwner) {
    this.#socket = socket;
    this.#context = context;
    this.#doors = doors;
    this.#owner = owner;
    this.#createdMs = context.turn.nowMs;
    socket.on('error', this.#onEnd);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  readonly #onEnd = (): void => this.#close(false);

  #close(unclaimed: boolean): void {
    this.#letGo();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
    this.#owner.onClosed(unclaimed);
  }

  #letGo(): void {
    this.#socket.off('error', this.#onEnd);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#context.turn.begin();
    if (this.#first.length === 0) this.#decide(bytes, start, end);
    else {
      const whole = Buffer.concat([this.#first, bytes.subarray(start, end)]);
      this.#decide(whole, 0, whole.length);
    }
  }

  #decide(bytes: Uint8Array, start: number, end: number): void {
    const door = this.#doors.byFirstBytes(bytes, start, end);
    if (door === null) this.#close(true);
    else if (door !== 'more') {
      this.#letGo();
      this.#owner.onDecided(door, bytes, start, end, this.#endsBecause);
    } else if (end - start >= MAX_BYTES) this.#close(true);
    else this.#first = Uint8Array.prototype.slice.call(bytes, start, end);
  }

  /** What its client has sent by now is answered: the client could not know that it comes too late. */
  shutdown(reason: string): void {
    if (this.#endsBecause !== null) return;
    this.#endsBecause = reason;
    this.#endsAtMs = this.#context.turn.begin() + FIRST_BYTES_MS;
  }

  destroy(): void {
    this.#close(false);
  }

  sweep(nowMs: number): void {
    const { requestHeadTimeoutMs, idleConnectionMs } = this.#context.limits;
    const ageMs = nowMs - this.#createdMs;
    if (ageMs > requestHeadTimeoutMs || nowMs >= this.#endsAtMs) this.destroy();
    else if (idleConnectionMs > 0 && ageMs >= idleConnectionMs) this.shutdown('idle');
  }

  forEachRequest(): void {}
}
