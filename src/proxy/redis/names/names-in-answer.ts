import { Buffer } from 'node:buffer';
import { integerAt, ReplyScanner, ReplyType } from '../../../resp/index.ts';
import type { AnswerRole, ListRole } from './answer-role.ts';
import type { OwnNames } from './own-names.ts';

const LF = 0x0a;
/** `$` or `*`, a number and CR LF: no server writes a longer line. */
const LONGEST_HEAD = 32;
/** A longer error is passed on as it is, as readers do that keep errors whole. */
const LONGEST_ERROR = 65536;

/** A list whose values are being read. */
interface OpenList {
  readonly role: ListRole;
  readonly isMap: boolean;
  readonly values: number;
  /** The value under way. */
  place: number;
}

/**
 * Takes the prefix off the names in one answer, in however many pieces that comes: it keeps the head of one value, and passes on all else. Names that are
 * not the user's own, of which there should be none, stay as they are.
 */
export class NamesInAnswer {
  readonly #names: OwnNames;
  /** What the value under way is. */
  #role: AnswerRole;
  readonly #lists: OpenList[] = [];
  /** The beginning of the value under way, as far as it has to be understood. */
  #head: number[] = [];
  /** Bytes of it that are passed on as they are. */
  #rest = 0;
  /** Where all of it is, until it ends. */
  #scanner: ReplyScanner | null = null;
  /** A value is under way of which nothing more has to be understood: of the answer itself, all that comes. */
  #isPassing = false;
  #out: Uint8Array[] = [];

  constructor(names: OwnNames, role: AnswerRole) {
    this.#names = names;
    this.#role = role;
  }

  /** The next bytes of the answer, as its client gets them: valid as long as those that are given. */
  take(bytes: Uint8Array, start: number, end: number): Uint8Array {
    if (this.#isPassing && this.#lists.length === 0) return bytes.subarray(start, end);
    for (let at = start; at < end; ) at = this.#read(bytes, at, end);
    const out = this.#out;
    this.#out = [];
    return out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out);
  }

  /** Reads on within one value. @returns up to where */
  #read(bytes: Uint8Array, at: number, end: number): number {
    if (this.#rest > 0) {
      const to = Math.min(end, at + this.#rest);
      this.#out.push(bytes.subarray(at, to));
      this.#rest -= to - at;
      if (this.#rest === 0) this.#onValue();
      return to;
    }
    if (!this.#isPassing && this.#head.length === 0) this.#isPassing = !this.#isUnderstood(bytes[at] as number);
    if (this.#isPassing) return this.#pass(bytes, at, end);
    const byte = bytes[at] as number;
    this.#head.push(byte);
    this.#onHead(byte);
    return at + 1;
  }

  #isUnderstood(kind: number): boolean {
    if (kind === ReplyType.Error) return true;
    if (this.#role === 'other') return false;
    if (this.#role === 'name') return kind === ReplyType.Bulk;
    return kind === ReplyType.Array || kind === ReplyType.Map || kind === ReplyType.Set || kind === ReplyType.Push;
  }

  #pass(bytes: Uint8Array, at: number, end: number): number {
    // The answer is over when its last bytes have come: nobody has to look for its end.
    if (this.#lists.length === 0) {
      this.#out.push(bytes.subarray(at, end));
      return end;
    }
    this.#scanner ??= new ReplyScanner();
    const next = this.#scanner.scan(bytes, at, end);
    const to = next < 0 ? end : next;
    this.#out.push(bytes.subarray(at, to));
    if (next >= 0) this.#onValue();
    return to;
  }

  /** One more byte of the head has come. */
  #onHead(byte: number): void {
    const [kind] = this.#head;
    const longest = kind === ReplyType.Error ? LONGEST_ERROR : LONGEST_HEAD + this.#names.prefix.length;
    if (this.#head.length > longest) this.#passHead();
    else if (kind === ReplyType.Error) {
      if (byte === LF) this.#endError();
    } else if (this.#role === 'name') this.#onNameHead();
    else if (byte === LF) this.#openList(this.#role as ListRole, kind === ReplyType.Map);
  }

  #endError(): void {
    const text = Buffer.from(this.#head).toString('latin1');
    this.#out.push(Buffer.from(this.#names.ownText(text), 'latin1'));
    this.#head = [];
    this.#onValue();
  }

  /** Of a name its length has to come, and as many bytes as the prefix has. */
  #onNameHead(): void {
    const head = this.#head;
    const line = head.indexOf(LF) + 1;
    if (line === 0) return;
    const length = integerAt(Uint8Array.from([ReplyType.Integer, ...head.slice(1, line)]), 0);
    const { prefix } = this.#names;
    const wanted = Math.min(length, prefix.length);
    if (!(length >= 0)) this.#passHead();
    else if (head.length - line >= wanted) {
      const begin = Buffer.from(head.slice(line)).toString('latin1');
      const isOwn = begin === prefix;
      const own = `$${length - prefix.length}\r\n`;
      this.#out.push(isOwn ? Buffer.from(own, 'latin1') : Uint8Array.from(head));
      this.#head = [];
      this.#rest = length - begin.length + 2;
    }
  }

  #openList(role: ListRole, isMap: boolean): void {
    const count = integerAt(Uint8Array.from([ReplyType.Integer, ...this.#head.slice(1)]), 0);
    if (Number.isNaN(count)) {
      this.#passHead();
      return;
    }
    this.#out.push(Uint8Array.from(this.#head));
    this.#head = [];
    if (count <= 0) this.#onValue();
    else {
      this.#lists.push({ role, isMap, values: isMap ? 2 * count : count, place: 0 });
      this.#role = role.of(0, isMap);
    }
  }

  /** What has come of a value is not understood: all of it is passed on as it is. */
  #passHead(): void {
    const head = Uint8Array.from(this.#head);
    this.#head = [];
    this.#isPassing = true;
    this.#pass(head, 0, head.length);
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
