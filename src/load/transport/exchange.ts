import {
  ErrorCode,
  type HeaderBlock,
  isUnprocessed,
  type MessageHead,
  type RequestConnection,
  ResetCause,
  type Stream,
  type StreamHandler,
  transientField,
} from '../../http/index.ts';
import type {
  Answer,
  AnswerFields,
  AnswerMessage,
  MessageListener,
  PreparedCall,
  TemplateValues,
} from '../calls/index.ts';

/** The fields of the section that is handed over just now: one object for all, since they are valid no longer. */
class BlockFields implements AnswerFields {
  block: HeaderBlock | null = null;

  get(name: string): string {
    const { block } = this;
    if (block === null) return '';
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i];
      if (field?.name.text === name) return field.text;
    }
    return '';
  }
}

const fields = new BlockFields();

const CODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

function resetText(code: number, cause: ResetCause, why: string): string {
  if (cause === ResetCause.ConnectionLost) return why === '' ? 'connection lost' : `connection lost: ${why}`;
  if (cause === ResetCause.Violation) return 'the answer breaks the protocol';
  return `reset: ${CODE_NAMES.get(code) ?? code}`;
}

/** How an exchange has ended. */
export interface ExchangeEnd {
  readonly status: string;
  /** It was answered; otherwise the status says what went wrong on the way. */
  readonly isAnswered: boolean;
  readonly pushbackMs: number;
  /** The other side has not begun with it: it is safe to send it again (RFC 9113, 8.7). */
  readonly isUnprocessed: boolean;
}

/** One request and what comes back, on whatever carries it. */
export abstract class Exchange implements StreamHandler, MessageListener {
  readonly call: PreparedCall;
  stream: Stream | null = null;
  /** The shard that answers; empty while the answer has not said. */
  shard = '';
  readonly #answer: Answer;
  readonly #shardHeader: string;
  #timer: NodeJS.Timeout | undefined;
  /** Known before the exchange ends in trailers or content. */
  #isOver = false;

  /** @param shardHeader in small letters. @param wantsMessages whether `onMessage` is called */
  constructor(call: PreparedCall, shardHeader: string, wantsMessages: boolean) {
    this.call = call;
    this.#shardHeader = shardHeader;
    this.#answer = call.answer(wantsMessages ? this : null);
  }

  /** Sends the request. @param place of its key among all keys */
  send(connection: RequestConnection, block: HeaderBlock, values: TemplateValues, place: number): void {
    const { call } = this;
    const { messages } = call;
    const { every } = call.settings;
    const first = messages === 0 ? null : call.message(values, place, 0);
    call.write(block, values, place);
    if (first !== null && call.announcesLength) block.push(transientField('content-length', String(first.length)));
    this.stream = connection.request(block, first === null, this);
    if (first === null) return;
    this.#sendMessage(first, messages === 1);
    if (every !== undefined && messages > 1) this.#sendLater(values, place, every);
    else for (let i = 1; i < messages; i++) this.#sendMessage(call.message(values, place, i), i === messages - 1);
  }

  /** Sends the messages after the first, one after the other. */
  #sendLater({ key, project, document, seq, line, revision }: TemplateValues, place: number, everyMs: number): void {
    const { call } = this;
    const { messages } = call;
    // The values are those of the next request by then.
    const kept = { key, project, document, seq, line, revision };
    let sent = 1;
    const next = (): void => {
      if (this.#isOver) return;
      const isLast = sent === messages - 1;
      this.#sendMessage(call.message(kept, place, sent++), isLast);
      if (!isLast) this.#timer = setTimeout(next, everyMs);
    };
    this.#timer = setTimeout(next, everyMs);
  }

  #sendMessage(message: Uint8Array, isLast: boolean): void {
    const { stream } = this;
    stream?.connection.sendData(stream, message, 0, message.length, isLast);
  }

  /** It is not waited for any more; its end is not reported. */
  cancel(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.stream !== null) this.stream.connection.letGo(this.stream);
  }

  /** The answer has begun, and is none that says what was wrong. */
  protected abstract onAnswering(): void;
  protected abstract onEnded(end: ExchangeEnd): void;
  protected onBytes(_bytes: number): void {}
  onMessage(_message: AnswerMessage): void {}

  onHeaders(_stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    const status = head.status?.text ?? '';
    if (status.startsWith('1')) return;
    fields.block = block;
    this.shard = fields.get(this.#shardHeader);
    this.#answer.onHead(status, fields);
    if (endStream) this.#end(fields);
    else if (status.startsWith('2')) this.onAnswering();
  }

  onTrailers(_stream: Stream, _head: MessageHead, block: HeaderBlock): void {
    fields.block = block;
    this.#end(fields);
  }

  onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.onBytes(end - start);
    try {
      this.#answer.onContent(bytes, start, end);
    } catch (error) {
      this.cancel();
      this.onEnded({
        status: `the answer cannot be read: ${(error as Error).message}`,
        isAnswered: false,
        pushbackMs: 0,
        isUnprocessed: false,
      });
      return;
    }
    if (endStream) this.#end(null);
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }

  onReset(stream: Stream, code: number, cause: ResetCause): void {
    this.#over();
    const status = resetText(code, cause, stream.connection.endedBecause);
    this.onEnded({ status, isAnswered: false, pushbackMs: 0, isUnprocessed: isUnprocessed(code, cause) });
  }

  onCredit(): void {}

  #end(trailers: AnswerFields | null): void {
    this.#over();
    const { status, pushbackMs } = this.#answer.onEnd(trailers);
    this.onEnded({ status, isAnswered: true, pushbackMs, isUnprocessed: false });
  }

  #over(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    // An answer may come before its request is complete: the rest is not wanted.
    const { stream } = this;
    if (stream !== null && !stream.closed && !stream.localEnded) stream.connection.reset(stream, ErrorCode.NoError);
  }
}
