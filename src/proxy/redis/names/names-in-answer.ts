import { Buffer } from 'node:buffer';
import { numberOfLine, ReplyScanner, ReplyType } from '../../../resp/index.ts';
import type { AnswerRole, ListRole } from './answer-role.ts';
import type { OwnNames } from './own-names.ts';
import { Shortened } from './shortened.ts';

const LF = 0x0a;
/** `$` or `*`, a number and CR LF: no server writes a longer line. */
const LONGEST_HEAD = 32;
/** A longer error is passed on as it is: of what servers quote they leave out all but its beginning. */
const LONGEST_ERROR = 4096;
/** More bytes are needed. */
const INCOMPLETE = -1;
const NOTHING = Buffer.alloc(0);

/** A list whose values are being read. */
interface OpenList {
  readonly role: ListRole;
  readonly isMap: boolean;
  readonly values: number;
  /** The value under way. */
  place: number;
}

/**
 * Takes the prefix off the names in one answer, in however many pieces that comes: it keeps the head of one value where a piece ends in it, and passes
 * on all else. Names that are not the user's own, of which there should be none, stay as they are.
 */
export class NamesInAnswer {
  readonly #names: OwnNames;
  /** What the value under way is. */
  #role: AnswerRole;
  readonly #lists: OpenList[] = [];
  /** The beginning of the value under way, where more of it has to come before it is understood. */
  #head: Buffer = NOTHING;
  /** Bytes of it that are passed on as they are. */
  #rest = 0;
  /** Where all of it is, until it ends. */
  #scanner: ReplyScanner | null = null;
  /** A value is under way of which nothing more has to be understood: of the answer itself, all that comes. */
  #isPassing = false;

  constructor(names: OwnNames, role: AnswerRole) {
    this.#names = names;
    this.#role = role;
  }

  /** The next bytes of the answer, as its client gets them: valid as long as those that are given. */
  take(bytes: Uint8Array, start: number, end: number): Uint8Array {
    if (this.#isPassing && this.#lists.length === 0) return bytes.subarray(start, end);
    if (this.#head.length === 0) return this.#takeOff(bytes, start, end);
    const all = Buffer.concat([this.#head, bytes.subarray(start, end)]);
    this.#head = NOTHING;
    return this.#takeOff(all, 0, all.length);
  }

  /** One pass over the bytes: a name costs about the same however long it and the prefix are. */
  #takeOff(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const shortened = new Shortened(bytes, start, end);
    for (let at = start; at < end; ) {
      const next = this.#read(shortened, bytes, at, end);
      if (next === INCOMPLETE) {
        this.#head = Buffer.from(bytes.subarray(at, end));
        return shortened.upTo(at);
      }
      at = next;
    }
    return shortened.upTo(end);
  }

  /** Reads on within one value. @returns up to where; INCOMPLETE where its head is not all here */
  #read(shortened: Shortened, bytes: Uint8Array, at: number, end: number): number {
    if (this.#rest > 0) return this.#passRest(at, end);
    if (!this.#isPassing) {
      const kind = bytes[at] as number;
      if (kind === ReplyType.Error) return this.#readError(shortened, bytes, at, end);
      if (this.#role === 'name' && kind === ReplyType.Bulk) return this.#readName(shortened, bytes, at, end);
      if (typeof this.#role === 'object' && isList(kind)) return this.#readList(this.#role, bytes, at, end);
    }
    return this.#pass(bytes, at, end);
  }

  #passRest(at: number, end: number): number {
    const to = Math.min(end, at + this.#rest);
    this.#rest -= to - at;
    if (this.#rest === 0) this.#onValue();
    return to;
  }

  /** Nothing of the value under way has to be understood: it is passed on as it is. */
  #pass(bytes: Uint8Array, at: number, end: number): number {
    this.#isPassing = true;
    // The answer is over when its last bytes have come: nobody has to look for its end.
    if (this.#lists.length === 0) return end;
    this.#scanner ??= new ReplyScanner();
    const next = this.#scanner.scan(bytes, at, end);
    if (next < 0) return end;
    this.#onValue();
    return next;
  }

  #readError(shortened: Shortened, bytes: Uint8Array, at: number, end: number): number {
    const line = behindLine(bytes, at, end, LONGEST_ERROR);
    if (line === INCOMPLETE) return end - at < LONGEST_ERROR ? INCOMPLETE : this.#pass(bytes, at, end);
    const text = Buffer.prototype.latin1Slice.call(bytes, at, line);
    const own = this.#names.ownText(text);
    if (own !== text) shortened.replace(at, line, own);
    this.#onValue();
    return line;
  }

  /** Of a name its length has to be here, and as many bytes as the prefix has. */
  #readName(shortened: Shortened, bytes: Uint8Array, at: number, end: number): number {
    const line = behindLine(bytes, at, end, LONGEST_HEAD);
    if (line === INCOMPLETE) return end - at < LONGEST_HEAD ? INCOMPLETE : this.#pass(bytes, at, end);
    const length = numberOfLine(bytes, at);
    if (!(length >= 0)) return this.#pass(bytes, at, end);
    const { prefixBytes } = this.#names;
    if (end - line < Math.min(length, prefixBytes.length)) return INCOMPLETE;
    const isOwn = length >= prefixBytes.length && beginsWith(bytes, line, prefixBytes);
    const from = isOwn ? line + prefixBytes.length : line;
    this.#rest = length - (from - line) + 2;
    if (isOwn) shortened.replace(at, from, `$${length - prefixBytes.length}\r\n`);
    return from;
  }

  #readList(role: ListRole, bytes: Uint8Array, at: number, end: number): number {
    const line = behindLine(bytes, at, end, LONGEST_HEAD);
    if (line === INCOMPLETE) return end - at < LONGEST_HEAD ? INCOMPLETE : this.#pass(bytes, at, end);
    const count = numberOfLine(bytes, at);
    if (Number.isNaN(count)) return this.#pass(bytes, at, end);
    if (count <= 0) this.#onValue();
    else {
      const isMap = bytes[at] === ReplyType.Map;
      this.#lists.push({ role, isMap, values: isMap ? 2 * count : count, place: 0 });
      this.#role = role.of(0, isMap);
    }
    return line;
  }

  /** The value under way has ended, and with it all lists whose last one it was. */
  #onValue(): void {
    this.#isPassing = false;
    this.#scanner?.reset();
    for (let list = this.#lists.at(-1); list !== undefined; list = this.#lists.at(-1)) {
      if (++list.place < list.values) {
        this.#role = list.role.of(list.place, list.isMap);
        return;
      }
      this.#lists.pop();
    }
    this.#isPassing = true;
  }
}

function isList(kind: number): boolean {
  return kind === ReplyType.Array || kind === ReplyType.Map || kind === ReplyType.Set || kind === ReplyType.Push;
}

/** The place behind the line that begins at `at`; INCOMPLETE where it is not all here, or longer than may be. */
function behindLine(bytes: Uint8Array, at: number, end: number, longest: number): number {
  const last = Math.min(end, at + longest);
  for (let i = at; i < last; i++) if (bytes[i] === LF) return i + 1;
  return INCOMPLETE;
}

function beginsWith(bytes: Uint8Array, at: number, begin: Uint8Array): boolean {
  for (let i = 0; i < begin.length; i++) if (bytes[at + i] !== begin[i]) return false;
  return true;
}
