import { type DescMessage, type DescMethod, fromBinary, fromJsonString, toBinary } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import { EnvelopeReader, enveloped } from '../../rpc/index.ts';
import { type Answer, type AnswerFields, type MessageListener, PUSHBACK, RevisedAnswer } from './answer.ts';
import { CallError } from './call-error.ts';
import { fullName } from './descriptors.ts';
import { type CallSurroundings, PreparedCall } from './prepared-call.ts';
import { memberPath, numberAt, type RevisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';

/** A call by gRPC, of any of its four kinds. */
export class GrpcCall extends PreparedCall {
  readonly what: string;
  readonly #method: DescMethod;
  /** With the names that messages have in memory. */
  readonly #revision: RevisionPlace | null;

  /** @throws CallError TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings, method: DescMethod) {
    const fields = [
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ] as const;
    super(name, settings, { method: 'POST', path: `/${fullName(method)}`, fields }, surroundings, ['{}']);
    this.#method = method;
    this.what = fullName(method);
    const { methodKind } = method;
    const sendsOne = methodKind === 'unary' || methodKind === 'server_streaming';
    if (sendsOne && this.messages > 1) throw new CallError(`${this.what} takes one message, not ${this.messages}`);
    if (settings.watch !== undefined && !this.isStream)
      throw new CallError(`${this.what} cannot be watched: it answers with one message`);
    const { revision } = this;
    this.#revision =
      revision !== null && 'path' in revision
        ? { path: memberPath(method.output, revision.path, `the revision of ${this.what}`) }
        : revision;
    this.tryOut();
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
      throw new CallError(`the data is not a request of ${this.what}: ${why}: ${text.slice(0, 200)}`, { cause });
    }
  }

  protected isGood(status: string): boolean {
    return status === 'OK';
  }

  answer(listener: MessageListener | null): Answer {
    return new GrpcAnswer(this.#revision, listener, this.#method.output);
  }
}

class GrpcAnswer extends RevisedAnswer {
  readonly #reader: EnvelopeReader | null;
  #grpc = '';

  constructor(place: RevisionPlace | null, listener: MessageListener | null, output: DescMessage) {
    super(place, listener);
    this.#reader = this.wantsMessages
      ? new EnvelopeReader((_flags, message) =>
          this.reportMessage((path) => numberAt(fromBinary(output, message), path) ?? 0),
        )
      : null;
  }

  override onHead(status: string, fields: AnswerFields): void {
    super.onHead(status, fields);
    this.#grpc = fields.get('grpc-status');
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    this.#reader?.take(bytes, start, end);
  }

  onEnd(trailers: AnswerFields | null): { status: string; pushbackMs: number } {
    const grpc = trailers?.get('grpc-status') || this.#grpc;
    const pushbackMs = grpc === '0' || trailers === null ? 0 : Number(trailers.get(PUSHBACK)) || 0;
    if (grpc === '') return { status: this.http === '200' ? 'no grpc-status' : `HTTP ${this.http}`, pushbackMs };
    return { status: grpcStatus[Number(grpc)] ?? `status ${grpc}`, pushbackMs };
  }
}
