import { FieldCache } from '../../src/http/fields/field-cache.ts';
import { HeaderBlock } from '../../src/http/index.ts';
import { FrameType, readUint32 } from '../../src/http2/frames.ts';
import { HpackDecoder } from '../../src/http2/index.ts';
import { frame, headerBlock, type RawFrame } from '../support/raw-peer.ts';
import { type Answer, type Fields, Got, pieces, type Request, type Said } from './message.ts';

const END_STREAM = 1;
const END_HEADERS = 4;

function framesOf(id: number, head: Fields, said: Said): Buffer[] {
  const parts = pieces(said);
  const { trailers, end } = said;
  const isLate = trailers !== undefined || end !== undefined;
  const ends = (i: number): number => (i === parts.length - 1 && !isLate ? END_STREAM : 0);
  const flags = parts.length === 0 && !isLate ? END_STREAM : 0;
  return [
    frame(FrameType.Headers, END_HEADERS | flags, id, headerBlock(head)),
    ...parts.map((part, i) => frame(FrameType.Data, ends(i), id, Buffer.from(part, 'latin1'))),
    ...(trailers === undefined ? [] : [frame(FrameType.Headers, END_HEADERS | END_STREAM, id, headerBlock(trailers))]),
    ...(end === 'late' ? [frame(FrameType.Data, END_STREAM, id)] : []),
  ];
}

/** A request's frames. */
export function requestFrames(id: number, request: Request, target: string): Buffer[] {
  const { method = 'GET', authority = 'a.example', protocol, fields = [] } = request;
  const head: Fields = [
    [':method', method],
    [':scheme', 'http'],
    [':path', target],
    ...(authority === null ? [] : ([[':authority', authority]] as const)),
    ...(protocol === undefined ? [] : ([[':protocol', protocol]] as const)),
    ...fields,
  ];
  return framesOf(id, head, request);
}

/** An answer's frames. */
export function answerFrames(id: number, answer: Answer): Buffer[] {
  const { status = 200, fields = [], informational = [] } = answer;
  const before = informational.map((each) => {
    const head = headerBlock([[':status', String(each.status)], ...(each.fields ?? [])]);
    return frame(FrameType.Headers, END_HEADERS, id, head);
  });
  return [...before, ...framesOf(id, [[':status', String(status)], ...fields], answer)];
}

/** Puts frames together to messages, by stream. */
export class Http2Reader {
  readonly #decoder = new HpackDecoder(new FieldCache(), 4096, 65536);
  readonly #messages = new Map<number, Got>();
  readonly #onHead: (got: Got, id: number) => void;
  readonly #onEnd: (got: Got, id: number) => void;

  constructor(onHead: (got: Got, id: number) => void, onEnd: (got: Got, id: number) => void) {
    this.#onHead = onHead;
    this.#onEnd = onEnd;
  }

  read({ type, flags, id, payload }: RawFrame): void {
    if (id === 0) return;
    const got = this.#messages.get(id) ?? new Got();
    this.#messages.set(id, got);
    if (got.end !== 'open') return;
    if (type === FrameType.RstStream) {
      got.code = readUint32(payload, 0);
      this.#end(got, id, 'reset');
      return;
    }
    if (type === FrameType.Headers) this.#takeHeaders(got, id, payload);
    else if (type === FrameType.Data) got.content += payload.toString('latin1');
    else return;
    if ((flags & END_STREAM) !== 0) this.#end(got, id, 'complete');
  }

  /** The connection has ended. */
  close(): void {
    for (const [id, got] of this.#messages) if (got.end === 'open') this.#end(got, id, 'closed');
  }

  #takeHeaders(got: Got, id: number, payload: Buffer): void {
    const block = new HeaderBlock();
    if (!this.#decoder.decode(payload, 0, payload.length, block)) throw new Error('no valid HPACK');
    const fields = block.copy().map(({ name, text }) => [name.text, text] as const);
    if (got.fields.length > 0) {
      got.trailers = fields;
      return;
    }
    const status = Number(block.get(':status') ?? 0);
    if (status > 0 && status < 200) {
      got.informational.push(status);
      this.#onHead(got, id);
      return;
    }
    got.status = status;
    got.method = block.get(':method') ?? '';
    got.target = block.get(':path') ?? '';
    got.fields = fields;
    this.#onHead(got, id);
  }

  #end(got: Got, id: number, end: Got['end']): void {
    got.end = end;
    this.#onEnd(got, id);
  }
}
