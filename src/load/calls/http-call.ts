import { LineReader } from '../../rpc/index.ts';
import { type Answer, type MessageListener, RevisedAnswer } from './answer.ts';
import { type CallSurroundings, PreparedCall } from './prepared-call.ts';
import { numberAt, parsedJson, type RevisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';

/** A plain request. An answer that is a stream has a message a line. */
export class HttpCall extends PreparedCall {
  readonly what: string;

  /** @throws TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings) {
    const [method = '', path = ''] = (settings.http ?? '').split(' ');
    super(name, settings, { method, path, fields: [] }, surroundings, []);
    this.what = `${method} ${path}`;
  }

  get announcesLength(): boolean {
    return this.messages === 1;
  }

  get isStream(): boolean {
    return true;
  }

  protected encode(text: string): Uint8Array {
    return Buffer.from(text, 'utf8');
  }

  protected isGood(status: string): boolean {
    return /^[23]/.test(status);
  }

  answer(listener: MessageListener | null): Answer {
    return this.settings.watch === undefined
      ? new HttpAnswer(this.revision, listener)
      : new HttpStreamAnswer(this.revision, listener);
  }
}

/** An answer that is one text. */
class HttpAnswer extends RevisedAnswer {
  readonly #content: Uint8Array[] = [];

  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.wantsMessages) this.#content.push(bytes.slice(start, end));
  }

  onEnd(): { status: string; pushbackMs: number } {
    if (this.#content.length > 0)
      this.reportMessage((path) => numberAt(parsedJson(Buffer.concat(this.#content).toString('utf8')), path));
    return { status: this.http, pushbackMs: 0 };
  }
}

/** An answer that has a message a line. What is no JSON has no revision. */
class HttpStreamAnswer extends RevisedAnswer {
  readonly #lines: LineReader | null;

  constructor(place: RevisionPlace | null, listener: MessageListener | null) {
    super(place, listener);
    this.#lines = this.wantsMessages
      ? new LineReader((line) => this.reportMessage((path) => numberAt(parsedJson(line), path)))
      : null;
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    this.#lines?.take(bytes, start, end);
  }

  onEnd(): { status: string; pushbackMs: number } {
    this.#lines?.end();
    return { status: this.http, pushbackMs: 0 };
  }
}
