import { LineReader } from './envelopes.ts';
import {
  type Answer,
  type AnswerFields,
  type CallSurroundings,
  dataOf,
  type MessageListener,
  PreparedCall,
} from './prepared-call.ts';
import { numberAt, parsedJson, type RevisionPlace, revisionNumber, revisionPlace } from './revision.ts';
import type { CallSettings } from './settings.ts';

/** A plain request. An answer that is a stream has a message a line. */
export class HttpCall extends PreparedCall {
  readonly what: string;
  readonly #revision: RevisionPlace | null;

  /** @throws TemplateError */
  constructor(name: string, settings: CallSettings, surroundings: CallSurroundings) {
    const [method = '', path = ''] = (settings.http ?? '').split(' ');
    const own = [
      [':method', method],
      [':scheme', surroundings.scheme],
      [':path', path],
      [':authority', surroundings.authority],
      ['user-agent', 'keyway-load'],
    ] as const;
    super(name, settings, own, surroundings, dataOf(settings, []));
    this.what = `${method} ${path}`;
    this.#revision = settings.revision === undefined ? null : revisionPlace(settings.revision);
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
    return new HttpAnswer(this.settings.watch !== undefined, this.#revision, listener);
  }
}

class HttpAnswer implements Answer {
  readonly #place: RevisionPlace | null;
  readonly #listener: MessageListener | null;
  readonly #lines: LineReader | null;
  readonly #content: Uint8Array[] = [];
  #http = '';

  constructor(isWatch: boolean, place: RevisionPlace | null, listener: MessageListener | null) {
    this.#place = place;
    this.#listener = listener;
    this.#lines = listener !== null && isWatch ? new LineReader((line) => this.#tell(line)) : null;
  }

  onHead(status: string, fields: AnswerFields): void {
    this.#http = status;
    if (this.#place !== null && 'header' in this.#place)
      this.#listener?.onMessage({ revision: revisionNumber(fields.get(this.#place.header)) });
  }

  onContent(bytes: Uint8Array, start: number, end: number): void {
    if (this.#lines !== null) this.#lines.take(bytes, start, end);
    else if (this.#listener !== null && this.#place !== null && 'path' in this.#place)
      this.#content.push(bytes.slice(start, end));
  }

  onEnd(): { status: string; pushbackMs: number } {
    this.#lines?.end();
    if (this.#content.length > 0) this.#tell(Buffer.concat(this.#content).toString('utf8'));
    return { status: this.#http, pushbackMs: 0 };
  }

  /** What is no JSON has no revision. */
  #tell(text: string): void {
    if (this.#place !== null && 'header' in this.#place) return;
    this.#listener?.onMessage({ revision: this.#place === null ? null : numberAt(parsedJson(text), this.#place.path) });
  }
}
