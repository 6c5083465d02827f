import { Buffer } from 'node:buffer';

/** Most commands have fewer arguments; V8 keeps typed arrays of this size inside their own objects. */
const FEW_ARGUMENTS = 16;
/** Places for more arguments than this are let go with their command: a connection that waits costs little. */
const MANY_ARGUMENTS = 1024;
const NOTHING = new Uint8Array(0);
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
const TO_LOWER = 0x20;

/** A client's command as it stands in a buffer: one object for all commands of a connection, so that none costs an allocation. */
export class Command {
  /** What the places are about. */
  bytes: Uint8Array = NOTHING;
  /** The command is bytes[start, end), always an array of bulk strings: so it can be passed on as it is. */
  start = 0;
  end = 0;
  /** Arguments that are here; the first is the name. */
  count = 0;
  /** Arguments that the client has announced. */
  total = 0;
  /** Argument i is bytes[starts[i], ends[i]). */
  starts = new Int32Array(FEW_ARGUMENTS);
  ends = new Int32Array(FEW_ARGUMENTS);
  /** The client wrote it as a line. */
  isInline = false;

  /** An argument as text, in UTF-8. */
  text(argument: number): string {
    return this.#view(this.starts[argument] as number, this.ends[argument] as number).toString();
  }

  /** An argument's bytes, for longer than the call that the command is valid for. */
  copy(argument: number): Buffer {
    return Buffer.from(this.#view(this.starts[argument] as number, this.ends[argument] as number));
  }

  /** The whole command's bytes, for longer than the call that it is valid for. */
  raw(): Buffer {
    return Buffer.from(this.#view(this.start, this.end));
  }

  /** Whether an argument is a word, in whatever case. @param lower the word in lower case, ASCII */
  is(argument: number, lower: string): boolean {
    const start = this.starts[argument] as number;
    if (argument >= this.count || (this.ends[argument] as number) - start !== lower.length) return false;
    for (let i = 0; i < lower.length; i++) {
      const byte = this.bytes[start + i] as number;
      if ((byte >= UPPER_A && byte <= UPPER_Z ? byte | TO_LOWER : byte) !== lower.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Another command begins. */
  clear(): void {
    this.count = 0;
    this.total = 0;
    this.isInline = false;
    if (this.starts.length <= MANY_ARGUMENTS) return;
    this.starts = new Int32Array(FEW_ARGUMENTS);
    this.ends = new Int32Array(FEW_ARGUMENTS);
  }

  /** The bytes that the places are about stand elsewhere now, with the command at `start`. */
  rebase(bytes: Uint8Array, start: number): void {
    const by = start - this.start;
    this.bytes = bytes;
    this.start = start;
    if (by === 0) return;
    // The argument that is under way has a start already.
    const last = Math.min(this.count, this.starts.length - 1);
    for (let i = 0; i <= last; i++) {
      this.starts[i] = (this.starts[i] as number) + by;
      this.ends[i] = (this.ends[i] as number) + by;
    }
  }

  /** Makes places for more arguments. */
  grow(): void {
    const { starts, ends } = this;
    this.starts = new Int32Array(2 * starts.length);
    this.ends = new Int32Array(2 * ends.length);
    this.starts.set(starts);
    this.ends.set(ends);
  }

  #view(start: number, end: number): Buffer {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, end - start);
  }
}
