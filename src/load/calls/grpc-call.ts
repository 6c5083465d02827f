import { type DescMethod, fromBinary, fromJsonString, toBinary } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import { CallError } from './call-error.ts';
import { fullName } from './descriptors.ts';
import { EnvelopeReader, enveloped } from './envelopes.ts';
import {
  type Answer,
  type AnswerFields,
  type CallSurroundings,
  dataOf,
  type MessageListener,
  PreparedCall,
  PUSHBACK,
} from './prepared-call.ts';
import { memberPath, numberAt, type RevisionPlace, revisionNumber, revisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';
import { SAMPLE } from './template.ts';

/** A call by gRPC, of any of its four kinds. */
export class GrpcCall extends PreparedCall {
  readonly what: string;
  readonly #method: DescMethod;
  readonly #revision: RevisionPlace | null;

  /** @throws CallError TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings, method: DescMethod) {
    const own = [
      [':method', 'POST'],
      [':scheme', surroundings.scheme],
      [':path', `/${fullName(method)}`],
      [':authority', surroundings.authority],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['user-agent', 'keyway-load'],
    ] as const;
    super(name, settings, own, surroundings, dataOf(settings, ['{}']));
    this.#method = method;
    this.what = fullName(method);
    const { methodKind } = method;
    const sendsOne = methodKind === 'unary' || methodKind === 'server_streaming';
    if (sendsOne && this.messages > 1) throw new CallError(`${this.what} takes one message, not ${this.messages}`);
    if (settings.watch !== undefined && !this.isStream)
      throw new CallError(`${this.what} cannot be watched: it answers with one message`);
    const place = settings.revision === undefined ? null : revisionPlace(settings.revision);
    this.#revision =
      place !== null && 'path' in place
        ? { path: memberPath(method.output, place.path, `the revision of ${this.what}`) }
        : place;
    // What cannot be sent is told before anything is.
    if (!this.has('line'))
      for (let i = 0; i < dataOf(settings, ['{}']).length; i++) this.message(SAMPLE, Number.POSITIVE_INFINITY, i);
  }

  get announcesLength(): boolean {
    return false;
  }

  get isStream(): boolean {
    return this.#method.methodKind === 'server_streaming' || this.#method.methodKind === 'bidi_streaming';
  }

  protected encode(text: string): Uint8Array {
    const { input } = this.#method;
    try {
      return enveloped(toBinary(input, fromJsonString(input, text)));
    } catch (cause) {
      const why = (cause as Error).message;
      throw new CallError(`the data is no request of ${this.what}: ${why}: ${text.slice(0, 200)}`, { cause });
    }
  }

  protected isGood(status: string): boolean {
    return status === 'OK';
  }

  answer(listener: MessageListener | null): Answer {
    const revision = this.#revision;
    if (listener === null) return new GrpcAnswer(null, null);
    if (revision === null)
      return new GrpcAnswer(new EnvelopeReader(() => listener.onMessage({ revision: null })), null);
    if ('header' in revision) return new GrpcAnswer(null, { header: revision.header, listener });
    const { output } = this.#method;
    return new GrpcAnswer(
      new EnvelopeReader((_flags, message) =>
        listener.onMessage({ revision: numberAt(fromBinary(output, message), revision.path) ?? 0 }),
      ),
      null,
    );
  }
}

class GrpcAnswer implements Answer {
  readonly #reader: EnvelopeReader | null;
  readonly #inHeader: { readonly header: string; readonly listener: MessageListener } | null;
  #http = '';
  #grpc = '';

  constructor(
    reader: EnvelopeReader | null,
    inHeader: { readonly header: string; readonly listener: MessageListener } | null,
  ) {
    this.#reader = reader;
    this.#inHeader = inHeader;
  }

  onHead(status: string, fields: AnswerFields): void {
    this.#http = status;
    this.#grpc = fields.get('grpc-status');
    if (this.#inHeader === null) return;
    this.#inHeader.listener.onMessage({ revision: revisionNumber(fields.get(this.#inHeader.header)) });
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    this.#reader?.take(bytes, start, end);
  }

  onEnd(trailers: AnswerFields | null): { status: string; pushbackMs: number } {
    const grpc = trailers?.get('grpc-status') || this.#grpc;
    const pushbackMs = grpc === '0' || trailers === null ? 0 : Number(trailers.get(PUSHBACK)) || 0;
    if (grpc === '') return { status: this.#http === '200' ? 'no grpc-status' : `HTTP ${this.#http}`, pushbackMs };
    return { status: grpcStatus[Number(grpc)] ?? `status ${grpc}`, pushbackMs };
  }
}
