import { type Field, type HeaderBlock, LAST_PSEUDO_KIND, NameKind } from '../http/index.ts';
import type { Output } from '../io/index.ts';

/** A chunk's size and the line ends around it take at most this. */
const CHUNK_OVERHEAD = 16;
const CR = 13;
const LF = 10;
const END_OF_CHUNKS = Buffer.from('0\r\n\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n', 'latin1');

/** What requests and responses have in common: the lines and chunks that a message is written in (RFC 9112, 5 and 7.1). */
export class MessageWriter {
  protected readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  /** Bytes that stand ready. */
  raw(bytes: Uint8Array): void {
    this.output.append(bytes, 0, bytes.length);
  }

  /** The fields of a section, but for those that only HTTP/2 has. */
  protected fields(block: HeaderBlock): void {
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      if (isRegular(field.name.kind)) this.field(field.name.linePrefix, field);
    }
  }

  /** A field's line, which begins with `prefix`: the name, and what parts it from the value. */
  protected field(prefix: Uint8Array, field: Field): void {
    this.output.reserve(prefix.length + field.valueLength + 2);
    const { bytes } = this.output;
    let at = this.output.length;
    for (let j = 0; j < prefix.length; j++) bytes[at++] = prefix[j] as number;
    at = field.writeValue(bytes, at);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.output.length = at;
  }

  protected chunk(content: Uint8Array, start: number, end: number): void {
    this.output.reserve(end - start + CHUNK_OVERHEAD);
    const size = (end - start).toString(16);
    const { bytes } = this.output;
    let at = this.output.length;
    for (let i = 0; i < size.length; i++) bytes[at++] = size.charCodeAt(i);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.output.length = at;
    this.output.append(content, start, end);
    this.lineEnd();
  }

  /** What ends a message in chunks. */
  protected lastChunk(trailers: HeaderBlock | null): void {
    if (trailers === null) {
      this.raw(END_OF_CHUNKS);
      return;
    }
    this.raw(LAST_CHUNK);
    this.fields(trailers);
    this.lineEnd();
  }

  protected lineEnd(): void {
    this.output.reserve(2);
    this.output.bytes[this.output.length++] = CR;
    this.output.bytes[this.output.length++] = LF;
  }
}

/** Whether HTTP/1.1 has such a field too: pseudo-header fields are HTTP/2's alone. */
export function isRegular(kind: NameKind): boolean {
  return kind === NameKind.Other || kind > LAST_PSEUDO_KIND;
}
