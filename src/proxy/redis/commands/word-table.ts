const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
const TO_LOWER = 0x20;
/** Several times the number of Redis's commands, so that most words are alone in their place. */
const PLACES = 1024;

interface Entry<Value> {
  readonly letters: Uint8Array;
  readonly value: Value;
}

/** Values by words of ASCII that stand in bytes, in whatever case: found without a string being made. */
export class WordTable<Value> {
  readonly #places: Array<Array<Entry<Value>> | undefined> = new Array(PLACES).fill(undefined);
  #longest = 0;

  /** @param word in lower case */
  add(word: string, value: Value): void {
    const letters = Uint8Array.from(word, (letter) => letter.charCodeAt(0));
    const place = placeOf(letters, 0, letters.length);
    this.#places[place] ??= [];
    this.#places[place].push({ letters, value });
    this.#longest = Math.max(this.#longest, letters.length);
  }

  find(bytes: Uint8Array, start: number, end: number): Value | undefined {
    if (end <= start || end - start > this.#longest) return undefined;
    const entries = this.#places[placeOf(bytes, start, end)];
    if (entries === undefined) return undefined;
    for (let i = 0; i < entries.length; i++) {
      const { letters, value } = entries[i] as Entry<Value>;
      if (letters.length === end - start && isWord(letters, bytes, start)) return value;
    }
    return undefined;
  }
}

/** Of the first, the middle and the last letter, and the length, which tell almost all of Redis's commands apart. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  const first = lower(bytes[start] as number);
  const middle = lower(bytes[(start + end) >> 1] as number);
  const last = lower(bytes[end - 1] as number);
  return (first + 33 * middle + 1089 * last + 131 * (end - start)) & (PLACES - 1);
}

function isWord(letters: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < letters.length; i++) if (lower(bytes[start + i] as number) !== letters[i]) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= UPPER_A && byte <= UPPER_Z ? byte | TO_LOWER : byte;
}
