import { CallError } from './call-error.ts';
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
import { numberAt, parsedJson, type RevisionPlace, revisionNumber, revisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';
import { SAMPLE } from './template.ts';

/** The flag of the message that ends a stream. */
const END_OF_STREAM = 0x02;

/** What JSON has at the end of a stream, and of a call that fails. */
interface ConnectEnd {
  readonly code?: string;
  readonly error?: { readonly code?: string };
  readonly metadata?: Readonly<Record<string, readonly string[]>>;
}

/** A call by the Connect protocol, with JSON; it needs no schema. */
export class ConnectCall extends PreparedCall {
  readonly what: string;
  readonly isStream: boolean;
  readonly #revision: RevisionPlace | null;

  /** @throws CallError TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings) {
    const isStream = settings.streams || settings.watch !== undefined;
    const own = [
      [':method', 'POST'],
      [':scheme', surroundings.scheme],
      [':path', `/${settings.connect}`],
      [':authority', surroundings.authority],
      ['content-type', isStream ? 'application/connect+json' : 'application/json'],
      ['connect-protocol-version', '1'],
      ['user-agent', 'keyway-load'],
    ] as const;
    super(name, settings, own, surroundings, dataOf(settings, ['{}']));
    this.what = settings.connect as string;
    this.isStream = isStream;
    this.#revision = settings.revision === undefined ? null : revisionPlace(settings.revision);
    if (!isStream && this.messages > 1) throw new CallError(`${this.what} takes one message; say streams: true`);
    if (!this.has('line'))
      for (let i = 0; i < dataOf(settings, ['{}']).length; i++) this.message(SAMPLE, Number.POSITIVE_INFINITY, i);
  }

  get announcesLength(): boolean {
    return !this.isStream && this.messages === 1;
  }

  protected encode(text: string): Uint8Array {
    try {
      JSON.parse(text);
    } catch (cause) {
      throw new CallError(`the data of ${this.what} is no JSON: ${(cause as Error).message}: ${text.slice(0, 200)}`, {
        cause,
      });
    }
    const bytes = Buffer.from(text, 'utf8');
    return this.isStream ? enveloped(bytes) : bytes;
  }

  protected isGood(status: string): boolean {
    return status === 'ok';
  }

  answer(listener: MessageListener | null): Answer {
    return this.isStream
      ? new ConnectStreamAnswer(this.#revision, listener)
      : new ConnectUnaryAnswer(this.#revision, listener);
  }
}

class ConnectUnaryAnswer implements Answer {
  readonly #place: RevisionPlace | null;
  readonly #listener: MessageListener | null;
  readonly #content: Uint8Array[] = [];
  #http = '';

  constructor(place: RevisionPlace | null, listener: MessageListener | null) {
    this.#place = place;
    this.#listener = listener;
  }

  onHead(status: string, fields: AnswerFields): void {
    this.#http = status;
    if (this.#place !== null && 'header' in this.#place)
      this.#listener?.onMessage({ revision: revisionNumber(fields.get(this.#place.header)) });
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.#http !== '200' || this.#listener !== null) this.#content.push(bytes.slice(start, end));
  }

  onEnd(): { status: string; pushbackMs: number } {
    const content = parsedJson(Buffer.concat(this.#content).toString('utf8')) as ConnectEnd | null;
    if (this.#http !== '200') return { status: content?.code ?? `HTTP ${this.#http}`, pushbackMs: 0 };
    if (this.#place !== null && 'path' in this.#place)
      this.#listener?.onMessage({ revision: numberAt(content, this.#place.path) ?? 0 });
    return { status: 'ok', pushbackMs: 0 };
  }
}

class ConnectStreamAnswer implements Answer {
  readonly #reader: EnvelopeReader;
  readonly #place: RevisionPlace | null;
  readonly #listener: MessageListener | null;
  #http = '';
  #end: ConnectEnd | null = null;

  constructor(place: RevisionPlace | null, listener: MessageListener | null) {
    this.#place = place;
    this.#listener = listener;
    this.#reader = new EnvelopeReader((flags, message) => this.#take(flags, message));
  }

  onHead(status: string, fields: AnswerFields): void {
    this.#http = status;
    if (this.#place !== null && 'header' in this.#place)
      this.#listener?.onMessage({ revision: revisionNumber(fields.get(this.#place.header)) });
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.#http === '200') this.#reader.take(bytes, start, end);
  }

  #take(flags: number, message: Uint8Array): void {
    if ((flags & END_OF_STREAM) !== 0) this.#end = parsedJson(Buffer.from(message).toString('utf8')) as ConnectEnd;
    else if (this.#listener !== null && this.#place === null) this.#listener.onMessage({ revision: null });
    else if (this.#listener !== null && this.#place !== null && 'path' in this.#place)
      this.#listener.onMessage({
        revision: numberAt(parsedJson(Buffer.from(message).toString('utf8')), this.#place.path) ?? 0,
      });
  }

  onEnd(): { status: string; pushbackMs: number } {
    if (this.#http !== '200') return { status: `HTTP ${this.#http}`, pushbackMs: 0 };
    const pushbackMs = Number(this.#end?.metadata?.[PUSHBACK]?.[0]) || 0;
    return { status: this.#end === null ? 'no end of stream' : (this.#end.error?.code ?? 'ok'), pushbackMs };
  }
}
