import { EnvelopeReader, enveloped } from '../../rpc/index.ts';
import { type Answer, type MessageListener, PUSHBACK, RevisedAnswer } from './answer.ts';
import { CallError } from './call-error.ts';
import { type CallSurroundings, PreparedCall } from './prepared-call.ts';
import { numberAt, parsedJson } from './revision.ts';
import type { CallSettings } from './settings.ts';

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

  /** @throws CallError TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings) {
    const isStream = settings.streams || settings.watch !== undefined;
    const fields = [
      ['content-type', isStream ? 'application/connect+json' : 'application/json'],
      ['connect-protocol-version', '1'],
    ] as const;
    super(name, settings, { method: 'POST', path: `/${settings.connect}`, fields }, surroundings, ['{}']);
    this.what = settings.connect as string;
    this.isStream = isStream;
    if (!isStream && this.messages > 1) throw new CallError(`${this.what} takes one message; set streams: true`);
    this.tryOut();
  }

  get announcesLength(): boolean {
    return !this.isStream && this.messages === 1;
  }

  protected encode(text: string): Uint8Array {
    try {
      JSON.parse(text);
    } catch (cause) {
      throw new CallError(`the data of ${this.what} is not JSON: ${(cause as Error).message}: ${text.slice(0, 200)}`, {
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
      ? new ConnectStreamAnswer(this.revision, listener)
      : new ConnectUnaryAnswer(this.revision, listener);
  }
}

class ConnectUnaryAnswer extends RevisedAnswer {
  readonly #content: Uint8Array[] = [];

  /** Of an error the content says which it is. */
  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.http !== '200' || this.wantsMessages) this.#content.push(bytes.slice(start, end));
  }

  onEnd(): { status: string; pushbackMs: number } {
    if (this.http !== '200') {
      const end = jsonOf(Buffer.concat(this.#content)) as ConnectEnd | null;
      return { status: end?.code ?? `HTTP ${this.http}`, pushbackMs: 0 };
    }
    this.reportMessage((path) => numberAt(jsonOf(Buffer.concat(this.#content)), path) ?? 0);
    return { status: 'ok', pushbackMs: 0 };
  }
}

class ConnectStreamAnswer extends RevisedAnswer {
  readonly #reader = new EnvelopeReader((flags, message) => this.#take(flags, message));
  #end: ConnectEnd | null = null;

  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.http === '200') this.#reader.take(bytes, start, end);
  }

  #take(flags: number, message: Uint8Array): void {
    if ((flags & END_OF_STREAM) !== 0) this.#end = jsonOf(message) as ConnectEnd;
    else this.reportMessage((path) => numberAt(jsonOf(message), path) ?? 0);
  }

  onEnd(): { status: string; pushbackMs: number } {
    if (this.http !== '200') return { status: `HTTP ${this.http}`, pushbackMs: 0 };
    const pushbackMs = Number(this.#end?.metadata?.[PUSHBACK]?.[0]) || 0;
    return { status: this.#end === null ? 'no end of stream' : (this.#end.error?.code ?? 'ok'), pushbackMs };
  }
}

const jsonOf = (bytes: Uint8Array): unknown => parsedJson(Buffer.from(bytes).toString('utf8'));
