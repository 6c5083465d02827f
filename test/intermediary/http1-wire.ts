import { type Answer, type Fields, Got, pieces, type Request, type Said } from './message.ts';

function lines(fields: Fields): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function body(said: Said, fields: Fields): string {
  const parts = pieces(said);
  const { trailers, end } = said;
  if (
    fields.some(([name]) => name === 'content-length') ||
    (parts.length === 0 && trailers === undefined && end !== 'late')
  )
    return `${lines(fields)}\r\n${parts.join('')}`;
  const chunks = parts.filter((each) => each !== '').map((each) => `${each.length.toString(16)}\r\n${each}\r\n`);
  const last = end === 'never' ? '' : `0\r\n${lines(trailers ?? [])}\r\n`;
  return `${lines([...fields, ['transfer-encoding', 'chunked']])}\r\n${chunks.join('')}${last}`;
}

/** A request's bytes. */
export function writeRequest(request: Request, target: string): string {
  if (request.raw !== undefined) return request.raw.replaceAll('TARGET', target);
  const { method = 'GET', authority = 'a.example', fields = [] } = request;
  const host: Fields = authority === null ? [] : [['Host', authority]];
  return `${method} ${target} HTTP/1.1\r\n${body(request, [...host, ...fields])}`;
}

/** An answer's bytes. */
export function writeAnswer(answer: Answer): string {
  if (answer.raw !== undefined) return answer.raw;
  const { status = 200, fields = [], informational = [] } = answer;
  const before = informational.map((each) => `HTTP/1.1 ${each.status} Info\r\n${lines(each.fields ?? [])}\r\n`);
  const isPlain = pieces(answer).length === 0 && answer.trailers === undefined && answer.end === undefined;
  const hasLength = fields.some(([name]) => name === 'content-length') || status === 204 || status === 304;
  const length: Fields = isPlain && !hasLength ? [['content-length', '0']] : [];
  return `${before.join('')}HTTP/1.1 ${status} Said\r\n${body(answer, [...fields, ...length])}`;
}

/** Cuts bytes into messages, and takes nothing but what RFC 9112 has a sender write. */
export class Http1Reader {
  readonly messages: Got[] = [];
  /** The methods of the requests whose answers come; null: requests come. */
  readonly #methods: string[] | null;
  #text = '';
  #current = new Got();
  #step: 'head' | 'length' | 'chunk' | 'trailers' | 'close' = 'head';
  #remaining = 0;
  readonly #onHead: (got: Got) => void;
  readonly #onEnd: (got: Got) => void;

  constructor(methods: string[] | null, onHead: (got: Got) => void, onEnd: (got: Got) => void) {
    this.#methods = methods;
    this.#onHead = onHead;
    this.#onEnd = onEnd;
  }

  /** What could not be read, so far. */
  get rest(): string {
    return this.#text;
  }

  read(text: string): void {
    this.#text += text;
    while (this.#text !== '' && this.#takeNext());
  }

  /** The connection has ended. */
  close(): void {
    if (this.#step === 'close') this.#finish();
    else if (this.#step !== 'head') {
      this.#current.end = 'closed';
      this.#onEnd(this.#current);
    }
  }

  #takeNext(): boolean {
    switch (this.#step) {
      case 'head':
        return this.#takeHead();
      case 'length':
        return this.#takeContent(() => this.#finish());
      case 'close':
        this.#current.content += this.#text;
        this.#text = '';
        return false;
      case 'chunk':
        return this.#takeChunk();
      default:
        return this.#takeTrailers();
    }
  }

  #section(): string[] | null {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const section = this.#text.slice(0, end).split('\r\n');
    this.#text = this.#text.slice(end + 4);
    return section;
  }

  #takeHead(): boolean {
    const section = this.#section();
    if (section === null) return false;
    const [first = '', ...rest] = section;
    const fields = rest.map(fieldOf);
    const current = this.#current;
    if (this.#methods === null) {
      const match = /^(\S+) (\S+) HTTP\/1\.1$/.exec(first);
      if (match === null) throw new Error(`no request line: ${JSON.stringify(first)}`);
      [, current.method = '', current.target = ''] = match;
    } else {
      const match = /^HTTP\/1\.1 ([0-9]{3}) /.exec(first);
      if (match === null) throw new Error(`no status line: ${JSON.stringify(first)}`);
      current.status = Number(match[1]);
      if (current.status < 200 && current.status !== 101) {
        current.informational.push(current.status);
        this.#onHead(current);
        return true;
      }
    }
    current.fields = fields;
    this.messages.push(current);
    this.#frame(current);
    this.#onHead(current);
    if (this.#step === 'length' && this.#remaining === 0) this.#finish();
    return true;
  }

  #frame(current: Got): void {
    const isAnswer = this.#methods !== null;
    const method = isAnswer ? this.#methods?.shift() : '';
    const { status } = current;
    const length = current.value('content-length');
    const coding = current.value('transfer-encoding');
    if (length !== null && coding !== null) throw new Error('both content-length and transfer-encoding');
    if (coding !== null && coding !== 'chunked') throw new Error(`transfer-encoding: ${coding}`);
    if (length !== null && !/^[0-9]+$/.test(length)) throw new Error(`content-length: ${length}`);
    const isEmpty = isAnswer && (method === 'HEAD' || status === 204 || status === 304);
    if (status === 101) this.#step = 'close';
    else if (isEmpty || (!isAnswer && length === null && coding === null))
      [this.#step, this.#remaining] = ['length', 0];
    else if (coding !== null) this.#step = 'chunk';
    else if (length !== null) [this.#step, this.#remaining] = ['length', Number(length)];
    else this.#step = 'close';
  }

  #takeContent(atEnd: () => void): boolean {
    const content = this.#text.slice(0, this.#remaining);
    this.#text = this.#text.slice(content.length);
    this.#remaining -= content.length;
    this.#current.content += content;
    if (this.#remaining > 0) return false;
    atEnd();
    return true;
  }

  #takeChunk(): boolean {
    const match = /^([0-9a-f]+)\r\n/.exec(this.#text);
    if (match === null) return false;
    const size = Number.parseInt(match[1] ?? '', 16);
    const start = match[0].length;
    if (size === 0) {
      this.#text = this.#text.slice(start - 2);
      this.#step = 'trailers';
      return true;
    }
    if (this.#text.length < start + size + 2) return false;
    this.#current.content += this.#text.slice(start, start + size);
    this.#text = this.#text.slice(start + size + 2);
    return true;
  }

  #takeTrailers(): boolean {
    const section = this.#section();
    if (section === null) return false;
    this.#current.trailers = section.filter((line) => line !== '').map(fieldOf);
    this.#finish();
    return true;
  }

  #finish(): void {
    const current = this.#current;
    this.#current = new Got();
    this.#step = 'head';
    current.end = 'complete';
    this.#onEnd(current);
  }
}

function fieldOf(line: string): readonly [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
  if (match === null) throw new Error(`no field line: ${JSON.stringify(line)}`);
  return [(match[1] ?? '').toLowerCase(), match[2] ?? ''];
}
