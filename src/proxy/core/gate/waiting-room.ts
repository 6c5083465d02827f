import type { CoreContext } from '../context.ts';
import { ClientShares } from '../owner/client-shares.ts';
import type { Refusal } from '../refusal.ts';
import type { WaitingPlace } from '../waiting-place.ts';
import type { GatedRequest } from './gated-request.ts';

/** Often enough that a time limit is kept to a tenth of a second. */
const TICK_MS = 100;
/** A tick that is later by as much: this thread was kept from running, and may not have heard what others have said meanwhile. */
const LATE_MS = 200;
/** Requests that are looked at in one turn: about a millisecond. */
const LOOKED_AT_A_TURN = 400;

/** What waits for a version that a shard has spoken of is tried again after this time: the version may have been given up. */
const TRY_AGAIN_MS = 500;

interface Waiting {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The version that has to be served first. */
  readonly version: number;
  bytes: number;
}

/**
 * Where requests wait that may not be sent to their owners now: bounded in number, in bytes and in time. One client that takes all it can get
 * leaves some of it to the others.
 */
export class WaitingRoom implements WaitingPlace<GatedRequest> {
  readonly #context: CoreContext;
  readonly #cluster: string;
  /** Calls that are no watches go first. */
  readonly #calls = new Map<GatedRequest, Waiting>();
  readonly #watches = new Map<GatedRequest, Waiting>();
  readonly #onTick: () => void;
  /** Of what may wait at all. */
  readonly #share: number;
  /** How many of the places, and of the bytes, each client has. */
  readonly #places = new ClientShares((visit) => this.#forEach((request) => visit(request, 1)));
  readonly #room = new ClientShares((visit) => this.#forEach((request, { bytes }) => visit(request, bytes)));
  #bytes = 0;
  #tickedAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Of passes through the room the last counts: an earlier one that is not through ends. */
  #passes = 0;

  /** @param onTick called now and then while a request waits. @param share of what may wait at all, that may wait here */
  constructor(context: CoreContext, cluster: string, onTick: () => void, share = 1) {
    this.#context = context;
    this.#cluster = cluster;
    this.#onTick = onTick;
    this.#share = share;
  }

  get size(): number {
    return this.#calls.size + this.#watches.size;
  }

  /** Has a request wait, or refuses it where there is no room. @param version the version that it waits for; 0: any */
  add(request: GatedRequest, version: number): void {
    const { hold, counters, turn } = this.#context;
    const bytes = request.heldBytes;
    counters.held++;
    const sinceMs = turn.begin();
    const hasPlace = this.#places.admits(request, 1, this.size, this.#share * hold.requests, sinceMs);
    if (!hasPlace || !this.#room.admits(request, bytes, this.#bytes, this.#share * hold.bytes, sinceMs)) {
      request.refuse(this.#refusal('held_too_many'));
      return;
    }
    this.#bytes += bytes;
    const waiting = { sinceMs, untilMs: sinceMs + hold.waitMs, version, bytes };
    request.waitIn(this);
    (request.isWatch ? this.#watches : this.#calls).set(request, waiting);
    if (this.#timer !== null) return;
    this.#tickedAtMs = sinceMs;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #forEach(visit: (request: GatedRequest, waiting: Waiting) => void): void {
    for (const room of [this.#calls, this.#watches]) for (const [request, waiting] of room) visit(request, waiting);
  }

  /** Content of a request has come while it waits. */
  onContent(request: GatedRequest, bytes: number): void {
    const waiting = this.#calls.get(request) ?? this.#watches.get(request);
    if (waiting === undefined) return;
    const { hold, turn } = this.#context;
    const mayGrow = this.#room.admits(request, bytes, this.#bytes, this.#share * hold.bytes, turn.begin());
    waiting.bytes += bytes;
    this.#bytes += bytes;
    if (!mayGrow) request.refuse(this.#refusal('held_too_many'));
  }

  forget(request: GatedRequest): void {
    for (const room of [this.#calls, this.#watches]) {
      const waiting = room.get(request);
      if (waiting === undefined) continue;
      room.delete(request);
      this.#bytes -= waiting.bytes;
    }
    if (this.size === 0 && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  /** Asks of every waiting request whether it may go, and lets it go; some at a time. */
  look(mayGo: (request: GatedRequest, version: number) => boolean): void {
    this.#passes++;
    const pass = this.#passes;
    const everybody = [...this.#calls, ...this.#watches];
    const lookAtSome = (from: number): void => {
      if (pass !== this.#passes) return;
      const end = Math.min(everybody.length, from + LOOKED_AT_A_TURN);
      for (let i = from; i < end; i++) {
        const [request, { version }] = everybody[i] as [GatedRequest, Waiting];
        if (request.isIn(this) && mayGo(request, version)) request.proceed();
      }
      if (end < everybody.length) setImmediate(() => lookAtSome(end));
    };
    lookAtSome(0);
  }

  #tick(): void {
    const nowMs = this.#context.turn.begin();
    const isLate = nowMs - this.#tickedAtMs > TICK_MS + LATE_MS;
    // A thread that is late every time keeps to its limits all the same, every other time.
    this.#tickedAtMs = isLate ? Number.POSITIVE_INFINITY : nowMs;
    for (const room of isLate ? [] : [this.#calls, this.#watches]) {
      // All wait for equally long: the first to come is the first whose time is over.
      for (const [request, { untilMs }] of room) {
        if (nowMs < untilMs) break;
        request.refuse(this.#refusal('held_too_long'));
      }
    }
    for (const room of [this.#calls, this.#watches]) {
      for (const [request, { version, sinceMs }] of room) {
        if (nowMs - sinceMs < TRY_AGAIN_MS) break;
        if (version === 0) continue;
        // The version may have been given up: then it goes to the shard that owns its key now.
        request.proceed();
      }
    }
    this.#onTick();
  }

  #refusal(kind: 'held_too_long' | 'held_too_many'): Refusal {
    // Spread, so that they do not all come back at once.
    const retryAfterMs = this.#context.random() * this.#context.drain.pushbackMs;
    return { kind, cluster: this.#cluster, retryAfterMs };
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
