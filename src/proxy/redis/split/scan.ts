import { arrayReply, bulkReply, type Command, encodeCommand, stringAt } from '../../../resp/index.ts';
import { elementsOf } from './merge-parts.ts';

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

/** Keys that a shard is asked for at once where the client does not say (COUNT), as in Redis. */
const DEFAULT_COUNT = 10;

/** What a client asks of all shards, for as long as that takes. */
export class ScanCommand {
  /** Keys of so many places are looked at for one answer, or somewhat more. */
  readonly count: number;
  readonly #words: ReadonlyArray<Uint8Array>;

  constructor(command: Command) {
    this.#words = Array.from({ length: command.count }, (_, i) => command.copy(i));
    this.count = countIn(command);
  }

  /** The command with the cursor of a shard. */
  requestAt(inner: bigint): Uint8Array {
    return encodeCommand(this.#words.map((word, i) => (i === 1 ? String(inner) : word)));
  }
}

/** A count that is none is refused by the shard. */
function countIn(command: Command): number {
  for (let at = 2; at + 1 < command.count; at += 2)
    if (command.is(at, 'count')) return Number.parseInt(command.text(at + 1), 10) || DEFAULT_COUNT;
  return DEFAULT_COUNT;
}

/** What a shard answers: where it has come to, and keys. */
export interface ScanPage {
  /** 0: it has no more keys. */
  readonly inner: bigint;
  readonly keys: readonly Uint8Array[];
}

/** Null where a reply is none of a SCAN. */
export function scanPage(reply: Uint8Array): ScanPage | null {
  const [cursor, keys] = elementsOf(reply);
  if (cursor === undefined || keys === undefined) return null;
  const text = Buffer.from(stringAt(cursor, 0, cursor.length) ?? []).toString('latin1');
  return DECIMAL.test(text) ? { inner: BigInt(text), keys: elementsOf(keys) } : null;
}

/** The answer for the client. @param cursor with which it continues */
export function scanAnswer(cursor: bigint, keys: readonly Uint8Array[]): Uint8Array {
  return arrayReply([bulkReply(String(cursor)), arrayReply(keys)]);
}
