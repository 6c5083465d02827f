import { type Field, field, type HeaderBlock, NameKind } from '../http/index.ts';
import type { ClientProtocol } from './client-protocol.ts';
import { enveloped } from './envelope.ts';

const GRPC_WEB = /^application\/grpc-web(-text)?($|[+;].*$)/i;
const GRPC = /^application\/grpc($|[+;])/i;
/** Base64 in whole fours (RFC 4648, 4); each message may be padded by itself. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;
const TE_TRAILERS = field('te', 'trailers');
/** A message's flags say that it is the trailers (grpc/grpc doc/PROTOCOL-WEB.md). */
const TRAILER_FLAG = 0x80;

/**
 * Makes gRPC of a call in gRPC-Web, for shards that speak gRPC alone, and gRPC-Web of its answer: the trailers become the
 * last message, and in the text form all content is base64 (grpc/grpc doc/PROTOCOL-WEB.md; Envoy's grpc_web filter).
 */
export class GrpcWebTranslation {
  /** What the client speaks: HTTP alone once its content has turned out to be no gRPC-Web. */
  protocol: ClientProtocol;
  readonly #isText: boolean;
  readonly #contentType: Field;
  /** Base64 characters that wait for the others of their four. */
  #quad = '';
  /** The answer is gRPC's. An answer from a proxy before the shard, such as an outage page, is passed on as it is. */
  translatesAnswer = true;

  private constructor(isText: boolean, format: string) {
    this.#isText = isText;
    this.protocol = isText ? 'grpc-web-text' : 'grpc-web';
    this.#contentType = field('content-type', `application/grpc-web${isText ? '-text' : ''}${format}`);
  }

  /** Turns a request's header section into gRPC's; null where it is none of gRPC-Web, and is left as it is. */
  static ofRequest(block: HeaderBlock): GrpcWebTranslation | null {
    for (let i = 0; i < block.count; i++) {
      const each = block.fields[i] as Field;
      if (each.name.kind !== NameKind.ContentType) continue;
      const match = GRPC_WEB.exec(each.text);
      if (match === null) return null;
      const [, text, format = ''] = match;
      block.replace(i, field('content-type', `application/grpc${format}`));
      block.removeWhere(({ name: { kind } }) => kind === NameKind.ContentLength || kind === NameKind.Te);
      block.push(TE_TRAILERS);
      return new GrpcWebTranslation(text !== undefined, format.startsWith('+') ? format : '+proto');
    }
    return null;
  }

  /**
   * A request's content as gRPC has it.
   * @param endStream no more of it follows
   * @returns null where it is not the base64 that it says it is
   */
  requestContent(bytes: Uint8Array, start: number, end: number, endStream: boolean): Uint8Array | null {
    if (!this.#isText) return bytes.subarray(start, end);
    const text = this.#quad + Buffer.from(bytes.subarray(start, end)).toString('latin1').replaceAll(/\s/g, '');
    const whole = text.length - (text.length % 4);
    this.#quad = text.slice(whole);
    const quads = text.slice(0, whole);
    if (!BASE64.test(quads) || (endStream && this.#quad !== '')) {
      this.protocol = 'http';
      return null;
    }
    // Each padded piece stands for itself.
    const pieces = quads.match(/[^=]+={0,2}/g) ?? [];
    return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')));
  }

  /** An answer's header section. */
  responseHead(block: HeaderBlock): void {
    this.translatesAnswer = GRPC.test(block.get('content-type') ?? '');
    if (!this.translatesAnswer) return;
    block.removeWhere(({ name: { kind } }) => kind === NameKind.ContentType || kind === NameKind.ContentLength);
    block.push(this.#contentType);
  }

  /** An answer's content. */
  responseContent(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const content = bytes.subarray(start, end);
    return this.#isText ? Buffer.from(Buffer.from(content).toString('base64'), 'latin1') : content;
  }

  /** The trailers, as the last message of the content. */
  lastMessage(trailers: HeaderBlock): Uint8Array {
    const lines = trailers.copy().map(({ name, text }) => `${name.text}: ${text}\r\n`);
    const text = Buffer.from(lines.join(''), 'latin1');
    const frame = enveloped(text, TRAILER_FLAG);
    return this.responseContent(frame, 0, frame.length);
  }
}
