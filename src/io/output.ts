// By name, because the global one is a getter, which costs more than a short copy.
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Backlog } from './backlog.ts';
import type { Flushable, Turn } from './turn.ts';

/** Most turns write less than this to a connection. */
const SMALL_BYTES = 8192;
/** A turn that fills this is written at once; larger writes cost the kernel no less per byte. */
const LARGE_BYTES = 131072;
/** How many free buffers are kept of each size; the rest is left to the garbage collector. */
const KEPT_SMALL = 256;
const KEPT_LARGE = 32;
/** With more than this unwritten, the peer is reading slower than we write: see `Output.congested`. */
const CONGESTED_BYTES = 262144;

const NOTHING = Buffer.alloc(0);

/** The output of a thread's connections: buffers that are free, and what may wait. */
export class BufferPool {
  readonly backlog: Backlog;
  /** Output of one connection that may wait. */
  maxUnsentBytes: number;
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  constructor({ maxUnsentBytes, maxBacklogBytes }: { maxUnsentBytes: number; maxBacklogBytes: number }) {
    this.maxUnsentBytes = maxUnsentBytes;
    this.backlog = new Backlog(maxBacklogBytes);
  }

  /** Other limits count from now on, for what waits already too. */
  setLimits({ maxUnsentBytes, maxBacklogBytes }: { maxUnsentBytes: number; maxBacklogBytes: number }): void {
    this.maxUnsentBytes = maxUnsentBytes;
    this.backlog.limit = maxBacklogBytes;
  }

  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
    if (bytes <= LARGE_BYTES) return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
    return Buffer.allocUnsafeSlow(bytes);
  }

  release(buffer: Buffer): void {
    if (buffer.length === SMALL_BYTES && this.#small.length < KEPT_SMALL) this.#small.push(buffer);
    else if (buffer.length === LARGE_BYTES && this.#large.length < KEPT_LARGE) this.#large.push(buffer);
  }
}

/**
 * The bytes that a turn of the event loop writes to one socket, collected in one buffer. Frames are written in place:
 * `reserve`, fill `bytes` from `length` on, move `length` on.
 */
export class Output implements Flushable {
  bytes: Buffer = NOTHING;
  length = 0;
  /** The socket takes no more for now; `onWritable` is called when it does again. */
  congested = false;
  readonly #socket: Socket;
  readonly #pool: BufferPool;
  readonly #turn: Turn;
  readonly #listener: OutputListener;
  #scheduled = false;
  /** Writes that the kernel has not taken. */
  #pendingWrites = 0;
  /** Bytes of this output that the backlog counts. */
  #counted = 0;
  #isDiscarded = false;
  /** The socket has come up, so that something may have reached the peer. */
  connected: boolean;

  constructor(socket: Socket, pool: BufferPool, turn: Turn, listener: OutputListener) {
    this.#socket = socket;
    this.#pool = pool;
    this.#turn = turn;
    this.#listener = listener;
    this.connected = !socket.connecting;
    if (socket.connecting) {
      socket.once('connect', () => {
        this.connected = true;
        // What waited for the connection may no longer be sent by now.
        turn.begin();
        this.flush();
      });
    }
    socket.on('drain', this.#onDrain);
  }

  readonly #onDrain = (): void => {
    if (!this.congested || this.#socket.writableLength > CONGESTED_BYTES) return;
    this.congested = false;
    this.#turn.begin();
    this.#listener.onWritable();
  };

  /** Writes what there is and leaves the socket to other code. */
  detach(): void {
    this.flushAll();
    this.#socket.off('drain', this.#onDrain);
  }

  /** Makes room for `bytes` from `length` on, and has it written at the end of the turn. */
  reserve(bytes: number): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#turn.flushAtEnd(this);
    }
    if (this.length + bytes > this.bytes.length) this.#makeRoom(bytes);
  }

  /** Adds bytes[start, end) to the turn's output. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    copyInto(this.bytes, this.length, bytes, start, end);
    this.length += end - start;
  }

  #makeRoom(bytes: number): void {
    if (this.length + bytes > LARGE_BYTES) {
      if (this.length > 0 && this.connected) this.#write();
      if (this.length + bytes <= this.bytes.length) return;
    }
    const room = this.length + bytes;
    // While the connection comes up all of it waits here: doubled, it is copied a few times, and not for each piece.
    const larger = this.#pool.take(room > LARGE_BYTES ? Math.max(room, 2 * this.bytes.length) : room);
    if (this.length > 0) this.bytes.copy(larger, 0, 0, this.length);
    if (this.bytes !== NOTHING) this.#pool.release(this.bytes);
    this.bytes = larger;
  }

  /**
   * Writes what there is, at the end of a turn. As long as the kernel has not taken what was written before, it is collected
   * further: a peer that reads nothing would else have a buffer and two requests to write kept for each turn of a few bytes.
   */
  flush(): void {
    this.#takeLast();
    if (this.length > 0 && this.connected && this.#pendingWrites === 0) this.#write();
    if (this.#pendingWrites === 0) return;
    this.#countBacklog();
    const { backlog, maxUnsentBytes } = this.#pool;
    if (this.#counted > maxUnsentBytes || !backlog.allows(this.#counted)) this.#listener.onUnread();
  }

  /** Writes what there is now, whatever waits before it: the socket is about to be ended, or handed on. */
  flushAll(): void {
    this.#takeLast();
    if (this.length > 0 && this.connected) this.#write();
  }

  #takeLast(): void {
    // What `beforeFlush` adds goes out now, and asks for no flush of its own.
    this.#scheduled = true;
    this.#listener.beforeFlush();
    this.#scheduled = false;
  }

  #write(): void {
    const { bytes, length } = this;
    this.bytes = NOTHING;
    this.length = 0;
    const socket = this.#socket;
    if (!socket.writable) {
      this.#pool.release(bytes);
      return;
    }
    socket.write(length === bytes.length ? bytes : bytes.subarray(0, length));
    // Nothing left in the socket means that the kernel has copied it all, and the buffer is free again.
    const unsent = socket.writableLength;
    if (unsent === 0) {
      this.#pool.release(bytes);
      return;
    }
    this.#pendingWrites++;
    this.#countBacklog();
    socket.write(NOTHING, () => this.#onTaken(bytes));
    if (unsent > CONGESTED_BYTES) this.congested = true;
  }

  /** The kernel has taken a write, or the socket is no more. */
  #onTaken(bytes: Buffer): void {
    this.#pool.release(bytes);
    this.#pendingWrites--;
    if (this.#pendingWrites === 0 && this.length > 0) this.#write();
    this.#countBacklog();
  }

  /** Has the backlog count what waits for a kernel that does not take it. */
  #countBacklog(): void {
    const waiting = this.#pendingWrites === 0 || this.#isDiscarded ? 0 : this.unsentBytes;
    this.#pool.backlog.bytes += waiting - this.#counted;
    this.#counted = waiting;
  }

  /** Bytes that were produced and that the kernel has not taken. */
  get unsentBytes(): number {
    return this.length + this.#socket.writableLength;
  }

  /**
   * How many of so many bytes do not wait for the kernel yet, once all is written that can be: of what it takes at once nothing is heard, because the
   * socket does not drain then.
   */
  roomWithin(bytes: number): number {
    if (this.unsentBytes >= bytes) this.flushAll();
    return bytes - this.unsentBytes;
  }

  /** Forgets what was not written; the socket is no more. */
  discard(): void {
    this.#isDiscarded = true;
    this.#countBacklog();
    if (this.bytes !== NOTHING) this.#pool.release(this.bytes);
    this.bytes = NOTHING;
    this.length = 0;
  }
}

/** Below this a loop is cheaper than a call of `copy`. */
const SHORT_COPY = 36;

/** Copies bytes[start, end) to `at`, in the way that is cheapest for its length. */
export function copyInto(into: Buffer, at: number, bytes: Uint8Array, start: number, end: number): void {
  if (end - start < SHORT_COPY) for (let i = start; i < end; i++) into[at + i - start] = bytes[i] as number;
  else if (bytes instanceof Buffer) bytes.copy(into, at, start, end);
  else into.set(bytes.subarray(start, end), at);
}

export interface OutputListener {
  /** The last moment to add something to this turn's output. */
  beforeFlush(): void;
  /** The socket takes output again after it was congested. */
  onWritable(): void;
  /** More output waits than may: the peer does not read. The connection has to be cut. */
  onUnread(): void;
}
