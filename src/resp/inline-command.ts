const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/** What stands for a byte behind a backslash in double quotes; any other byte stands for itself. */
const ESCAPED: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, a: 0x07 };

/**
 * The words of a line that is a command, as Redis splits it (`sdssplitargs` in its sds.c): blanks between words, text in double
 * quotes with escapes, text in single quotes. A zero byte ends the line.
 * @returns null where quotes are not closed, or where something follows a closing quote at once
 */
export function splitInline(bytes: Uint8Array, start: number, lineEnd: number): Uint8Array[] | null {
  // No search: it would look through all that has come behind the line.
  let end = start;
  while (end < lineEnd && bytes[end] !== 0) end++;
  const words: Uint8Array[] = [];
  const word: number[] = [];
  let at = start;
  while (at < end) {
    if (isBlank(bytes[at] as number)) {
      at++;
      continue;
    }
    word.length = 0;
    at = readWord(bytes, at, end, word);
    if (at < 0) return null;
    words.push(Uint8Array.from(word));
  }
  return words;
}

/** @returns the place behind the word, or -1 */
function readWord(bytes: Uint8Array, start: number, end: number, into: number[]): number {
  let at = start;
  while (at < end && !isSeparator(bytes[at] as number)) {
    const byte = bytes[at] as number;
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
      // A closing quote ends its word.
      const next = readQuoted(bytes, at, end, into);
      if (next < 0) return -1;
      return next < end && !isBlank(bytes[next] as number) ? -1 : next;
    }
    into.push(byte);
    at++;
  }
  return at;
}

function readQuoted(bytes: Uint8Array, start: number, end: number, into: number[]): number {
  const quote = bytes[start] as number;
  let at = start + 1;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte === quote) return at + 1;
    if (byte === BACKSLASH && at + 1 < end) at = readEscape(bytes, at, end, quote, into);
    else {
      into.push(byte);
      at++;
    }
  }
  return -1;
}

function readEscape(bytes: Uint8Array, at: number, end: number, quote: number, into: number[]): number {
  const next = bytes[at + 1] as number;
  if (quote === SINGLE_QUOTE) {
    if (next !== SINGLE_QUOTE) {
      into.push(BACKSLASH);
      return at + 1;
    }
    into.push(next);
    return at + 2;
  }
  const hex = next === LETTER_X && at + 3 < end ? hexByte(bytes[at + 2] as number, bytes[at + 3] as number) : -1;
  if (hex >= 0) {
    into.push(hex);
    return at + 4;
  }
  into.push(ESCAPED[String.fromCharCode(next)] ?? next);
  return at + 2;
}

function hexByte(high: number, low: number): number {
  const digits = String.fromCharCode(high, low);
  return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
}

/** C's isspace: blank, tab, line feed, vertical tab, form feed, carriage return. */
function isBlank(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN);
}

/** What ends a word outside of quotes: fewer bytes than blanks. */
function isSeparator(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === CARRIAGE_RETURN || byte === TAB;
}
