import { arrayReply, bulkReply, type Command, encodeCommand, forEachElement, stringAt } from '../../../resp/index.ts';
import { UNLIKE } from './merge-parts.ts';

/** Where a SCAN of all shards has come to. */
export interface ScanPlace {
  /** The shard's place in the list. */
  readonly shard: number;
  /** The shard's own cursor. */
  readonly inner: bigint;
}

/** Clients read cursors as unsigned numbers of 64 bits. */
const CURSORS = 2n ** 64n;
/** Cursors from here on stand for places that are remembered. */
const REMEMBERED = 2n ** 63n;
/** Scans that a thread remembers at most; the oldest one's cursor is invalid then, as it is after a restart of a server. */
const MAX_REMEMBERED = 4096;
const DECIMAL = /^\d{1,20}$/;

/**
 * The cursors of SCAN over all shards, one after the other. A cursor holds the shard's own one and, in its low bits, the shard:
 * so any router can continue it. Servers whose cursors fill 64 bits (Kvrocks's fill 61) leave too little room for many shards;
 * only such places are remembered, in this thread.
 */
export class ScanCursors {
  readonly #remembered = new Map<bigint, ScanPlace>();
  #last = REMEMBERED;

  /** @returns null where a client's cursor is none */
  placeOf(cursor: string, shards: number): ScanPlace | null {
    if (!DECIMAL.test(cursor)) return null;
    const value = BigInt(cursor);
    if (value >= REMEMBERED) return this.#remembered.get(value) ?? null;
    const places = placesFor(shards);
    const shard = Number(value % places);
    return shard < shards ? { shard, inner: value / places } : null;
  }

  /**
   * The cursor that a client continues with.
   * @param inner what the shard has answered; 0 where it has no more keys
   */
  cursorAfter({ shard }: ScanPlace, inner: bigint, shards: number): bigint {
    if (inner === 0n) return shard + 1 < shards ? BigInt(shard + 1) : 0n;
    const cursor = inner * placesFor(shards) + BigInt(shard);
    return cursor < REMEMBERED ? cursor : this.#remember({ shard, inner });
  }

  #remember(place: ScanPlace): bigint {
    this.#last = this.#last + 1n < CURSORS ? this.#last + 1n : REMEMBERED;
    this.#remembered.set(this.#last, place);
    if (this.#remembered.size > MAX_REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    return this.#last;
  }
}

/** A power of two, so that a shard more or less seldom changes what cursors mean that are under way. */
function placesFor(shards: number): bigint {
  let places = 1n;
  while (places < BigInt(shards)) places *= 2n;
  return places;
}

/** The command with the cursor of its shard. */
export function scanRequest(command: Command, inner: bigint): Uint8Array {
  const words = Array.from({ length: command.count }, (_, i) => (i === 1 ? String(inner) : command.copy(i)));
  return encodeCommand(words);
}

/** A shard's answer with another cursor. @param next the cursor that stands for the shard's own one */
export function scanAnswer(reply: Uint8Array, next: (inner: bigint) => bigint): Uint8Array {
  const elements: Uint8Array[] = [];
  forEachElement(reply, 0, reply.length, (start, end) => elements.push(reply.subarray(start, end)));
  const [cursor, keys] = elements;
  if (cursor === undefined || keys === undefined) return UNLIKE;
  const text = Buffer.from(stringAt(cursor, 0, cursor.length) ?? []).toString('latin1');
  return DECIMAL.test(text) ? arrayReply([bulkReply(String(next(BigInt(text)))), keys]) : UNLIKE;
}
