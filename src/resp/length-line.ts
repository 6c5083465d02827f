import { CR, INCOMPLETE, LF, MALFORMED, MINUS, QUESTION_MARK, ZERO } from './reply-type.ts';

/** The value of a line `?`: the length is not known in advance (RESP3, "Streamed strings", "Streamed aggregated data types"). */
export const STREAMED = Number.POSITIVE_INFINITY;
/** Numbers of more digits are not exact any more, and larger than every limit. */
const MAX_DIGITS = 15;

/**
 * Reads the rest of a line that holds a length, behind its first byte, in however many pieces it comes. Numbers are
 * spelt as Redis reads them (`string2ll`): no plus sign, no leading zero, at least one digit.
 */
export class LengthLine {
  /** What the line says, once it is whole: an integer, STREAMED, or NaN where it is neither. */
  value = 0;
  /** Bytes of the line so far. */
  size = 0;
  #digits = 0;
  #isNegative = false;
  #isWrong = false;
  #isStreamed = false;
  #hasCr = false;

  begin(): void {
    this.value = 0;
    this.size = 0;
    this.#digits = 0;
    this.#isNegative = false;
    this.#isWrong = false;
    this.#isStreamed = false;
    this.#hasCr = false;
  }

  /** @returns the place behind the line; INCOMPLETE where all bytes belong to it; MALFORMED where LF does not follow CR */
  read(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (this.#hasCr) {
        if (byte !== LF) return MALFORMED;
        this.#finish();
        return at + 1;
      }
      if (byte === CR) this.#hasCr = true;
      else this.#take(byte);
    }
    return INCOMPLETE;
  }

  #take(byte: number): void {
    const isFirst = this.size++ === 0;
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      // Behind a zero nothing may follow, and nothing behind a question mark.
      if ((this.#digits > 0 && this.value === 0) || this.#isStreamed) this.#isWrong = true;
      if (++this.#digits > MAX_DIGITS) this.#isWrong = true;
      else this.value = this.value * 10 + digit;
    } else if (isFirst && byte === MINUS) this.#isNegative = true;
    else if (isFirst && byte === QUESTION_MARK) this.#isStreamed = true;
    else this.#isWrong = true;
  }

  #finish(): void {
    if (this.#isStreamed && !this.#isWrong) this.value = STREAMED;
    else if (this.#isWrong || this.#digits === 0 || (this.#isNegative && this.value === 0)) this.value = Number.NaN;
    else if (this.#isNegative) this.value = -this.value;
  }
}
