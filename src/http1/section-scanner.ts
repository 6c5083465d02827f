const CR = 13;
const LF = 10;

/** Where the scan stands: inside a line, behind its CR, at the start of a line, behind the CR of the empty one. */
const Place = { Inside: 0, AfterCr: 1, LineStart: 2, AfterLastCr: 3 } as const;

/** What `scan` answers instead of an end. */
export const Scanned = {
  /** The section goes on. */
  More: -1,
  /** A CR or LF that stands alone: what one recipient takes for the end of a line another does not (request smuggling). */
  BareLineEnd: -2,
  TooLarge: -3,
} as const;

const SMALLEST_CARRY = 1024;
/** What a line counts besides its bytes, as in HTTP/2 (RFC 9113, 6.5.2): a field costs as much however short it is. */
const LINE_OVERHEAD_BYTES = 32;
const NOTHING = new Uint8Array(0);

/**
 * Finds the end of a section of lines, which is an empty line (RFC 9112, 2.1), in bytes that come piece by piece. Each
 * byte is looked at once, however small the pieces.
 */
export class SectionScanner {
  readonly #limit: number;
  #place: number = Place.Inside;
  #carry: Uint8Array = NOTHING;
  #carried = 0;
  #lines = 0;
  /** The section that was found, with its empty line; valid until the next scan. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** @param limit what a section may count at most: its bytes, and 32 for each of its lines */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Part of a section has come, and its end has not. */
  get begun(): boolean {
    return this.#carried > 0;
  }

  /** Begins a section: of trailers, which may consist of the empty line alone, or of a head, which may not. */
  begin(mayBeEmpty: boolean): void {
    this.#place = mayBeEmpty ? Place.LineStart : Place.Inside;
    this.#carried = 0;
    this.#lines = 0;
    this.#carry = NOTHING;
  }

  /** @returns where the bytes behind the section begin, or one of `Scanned` */
  scan(bytes: Uint8Array, start: number, end: number): number {
    let place = this.#place;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === LF) {
        if (place === Place.AfterLastCr) return this.#found(bytes, start, at + 1);
        if (place !== Place.AfterCr) return Scanned.BareLineEnd;
        place = Place.LineStart;
        this.#lines++;
      } else if (place === Place.AfterCr || place === Place.AfterLastCr) return Scanned.BareLineEnd;
      else if (byte === CR) place = place === Place.LineStart ? Place.AfterLastCr : Place.AfterCr;
      else place = Place.Inside;
    }
    this.#place = place;
    return this.#carryOver(bytes, start, end) ? Scanned.More : Scanned.TooLarge;
  }

  #found(bytes: Uint8Array, start: number, end: number): number {
    if (this.#carried === 0) {
      if (!this.#allows(end - start)) return Scanned.TooLarge;
      this.bytes = bytes;
      this.start = start;
      this.end = end;
      return end;
    }
    if (!this.#carryOver(bytes, start, end)) return Scanned.TooLarge;
    this.bytes = this.#carry;
    this.start = 0;
    this.end = this.#carried;
    return end;
  }

  #allows(bytes: number): boolean {
    return bytes + LINE_OVERHEAD_BYTES * this.#lines <= this.#limit;
  }

  #carryOver(bytes: Uint8Array, start: number, end: number): boolean {
    const needed = this.#carried + end - start;
    if (!this.#allows(needed)) return false;
    if (needed > this.#carry.length) {
      const larger = new Uint8Array(Math.max(SMALLEST_CARRY, 2 * needed));
      larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(bytes.subarray(start, end), this.#carried);
    this.#carried = needed;
    return true;
  }
}
