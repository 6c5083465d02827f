import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type Field, headerName, transientField } from '../../../http/index.ts';

/** Where an answer has what a watch can be resumed from, and where a request takes it. Plain data. */
export type ResumeDescription =
  | {
      readonly protobuf: {
        /** Numbers of fields, from the message down. */
        readonly seen: readonly number[];
        readonly into: readonly number[];
        /** What it means that the field is not there and the message around it is: protobuf leaves zeros out. */
        readonly absent?: number | undefined;
      };
    }
  /** Names of members, from the message down. */
  | { readonly json: { readonly seen: readonly string[]; readonly into: readonly string[] } }
  | { readonly header: { readonly seen: string; readonly into: string } };

/** The last value that was seen in a watch's answers, and how the next request bears it. */
export interface ResumeToken {
  onHead(get: (header: string) => string | undefined): void;
  /** @throws Error where the message is none */
  onMessage(message: Uint8Array): void;
  head(fields: readonly Field[]): Field[];
  message(message: Uint8Array): Uint8Array;
}

export function resumeToken(resume: ResumeDescription | undefined): ResumeToken {
  if (resume === undefined) return new NoToken();
  if ('protobuf' in resume) return new ProtobufToken(resume.protobuf);
  return 'json' in resume ? new JsonToken(resume.json) : new HeaderToken(resume.header);
}

/** The watch starts over. */
class NoToken implements ResumeToken {
  onHead(_get: (header: string) => string | undefined): void {}
  onMessage(_message: Uint8Array): void {}
  head(fields: readonly Field[]): Field[] {
    return [...fields];
  }
  message(message: Uint8Array): Uint8Array {
    return message;
  }
}

class HeaderToken extends NoToken {
  readonly #seen: string;
  readonly #into: string;
  #last: string | null = null;

  constructor({ seen, into }: { readonly seen: string; readonly into: string }) {
    super();
    this.#seen = seen.toLowerCase();
    this.#into = into.toLowerCase();
  }

  override onHead(get: (header: string) => string | undefined): void {
    this.#last = get(this.#seen) ?? this.#last;
  }

  override head(fields: readonly Field[]): Field[] {
    if (this.#last === null) return [...fields];
    const name = headerName(this.#into);
    return [...fields.filter((each) => each.name !== name), transientField(this.#into, this.#last)];
  }
}

class JsonToken extends NoToken {
  readonly #seen: readonly string[];
  readonly #into: readonly string[];
  #last: unknown = undefined;

  constructor({ seen, into }: { readonly seen: readonly string[]; readonly into: readonly string[] }) {
    super();
    this.#seen = seen;
    this.#into = into;
  }

  override onMessage(message: Uint8Array): void {
    let value: unknown = JSON.parse(Buffer.from(message).toString('utf8'));
    for (const name of this.#seen) value = (value as Record<string, unknown> | null | undefined)?.[name];
    if (value !== undefined) this.#last = value;
  }

  override message(message: Uint8Array): Uint8Array {
    if (this.#last === undefined) return message;
    const whole = JSON.parse(Buffer.from(message).toString('utf8')) as Record<string, unknown>;
    let at = whole;
    for (const name of this.#into.slice(0, -1)) {
      at[name] ??= {};
      at = at[name] as Record<string, unknown>;
    }
    at[this.#into.at(-1) as string] = this.#last;
    return Buffer.from(JSON.stringify(whole), 'utf8');
  }
}

/** A field's value as it stands on the wire. */
interface Raw {
  readonly wireType: WireType;
  /** Without the tag; of what has a length, with it. */
  readonly bytes: Uint8Array;
}

class ProtobufToken extends NoToken {
  readonly #seen: readonly number[];
  readonly #into: readonly number[];
  readonly #absent: Raw | null;
  #last: Raw | null = null;

  constructor(rule: {
    readonly seen: readonly number[];
    readonly into: readonly number[];
    readonly absent?: number | undefined;
  }) {
    super();
    this.#seen = rule.seen;
    this.#into = rule.into;
    this.#absent =
      rule.absent === undefined
        ? null
        : { wireType: WireType.Varint, bytes: new BinaryWriter().int64(rule.absent).finish() };
  }

  override onMessage(message: Uint8Array): void {
    let around: Uint8Array = message;
    for (const number of this.#seen.slice(0, -1)) {
      const inner = lastField(around, number);
      if (inner === null) return;
      around = new BinaryReader(inner.bytes).bytes();
    }
    const found = lastField(around, this.#seen.at(-1) as number);
    // The message's bytes are in a buffer that is used again.
    this.#last = found === null ? (this.#absent ?? this.#last) : { ...found, bytes: new Uint8Array(found.bytes) };
  }

  override message(message: Uint8Array): Uint8Array {
    return this.#last === null ? message : withField(message, this.#into, this.#last);
  }
}

/** The last field of a number, which is the one that counts. @throws Error where the message is none */
function lastField(message: Uint8Array, number: number): Raw | null {
  let found: Raw | null = null;
  for (const field of fieldsOf(message)) if (field.number === number) found = field;
  return found;
}

function* fieldsOf(message: Uint8Array): Generator<Raw & { readonly number: number }> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const start = reader.pos;
    reader.skip(wireType, number);
    yield { number, wireType, bytes: message.subarray(start, reader.pos) };
  }
}

/** The message with a field set, and no other one of that number. */
function withField(message: Uint8Array, [number, ...below]: readonly number[], value: Raw): Uint8Array {
  const writer = new BinaryWriter();
  let inner: Raw | null = null;
  for (const field of fieldsOf(message)) {
    if (field.number === number) inner = field;
    else writer.tag(field.number, field.wireType).raw(field.bytes);
  }
  if (below.length === 0)
    return writer
      .tag(number as number, value.wireType)
      .raw(value.bytes)
      .finish();
  const around = inner === null ? new Uint8Array(0) : new BinaryReader(inner.bytes).bytes();
  return writer
    .tag(number as number, WireType.LengthDelimited)
    .bytes(withField(around, below, value))
    .finish();
}
