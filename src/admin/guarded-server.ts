import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { lazyPackage } from '../runtime/lazy-package.ts';
import { type Answer, text } from './answer.ts';
import { listening } from './listening.ts';
import { refusalOf } from './request-guard.ts';

// An import of it reads all that it exports, and so loads undici for its WebSocket, which takes longer than all of the router.
const http = lazyPackage<typeof import('node:http')>('node:http');

/** A question to an admin address. */
export interface Question {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether it shows the token that only permitted clients know. */
  readonly bearsToken: boolean;
}

/** What answers questions. */
export interface Answerer {
  bearsToken(authorization: string | undefined): boolean;
  /** May throw, or reject: the asker gets an error, and no other request is harmed. */
  answer(question: Question): Answer | Promise<Answer>;
  /** Paths that change something: asked for by POST, and by nothing else. */
  readonly changing?: ReadonlySet<string>;
}

/** A header section has a few lines. */
const LARGEST_HEAD_BYTES = 16 * 1024;
/** A client has to have written the whole request by then. */
const REQUEST_TIMEOUT_MS = 10_000;
/** People and monitors are few; others must not take descriptors that clients need. */
const MAX_CONNECTIONS = 256;
/** Questions that are being answered at once: most of them are answered within a turn of the event loop. */
const MAX_AT_ONCE = 32;

/** Answers GET and HEAD, and POST where it changes something, by HTTP/1.1. Whatever is sent to it, the process goes on. */
export class GuardedServer {
  readonly #server: Server;
  readonly #answerer: Answerer;
  #names: readonly string[];
  #host = '';
  #answering = 0;

  /** @param names see `ServedNames` */
  constructor(answerer: Answerer, names: readonly string[]) {
    this.#answerer = answerer;
    this.#names = names;
    const limits = { maxHeaderSize: LARGEST_HEAD_BYTES, requestTimeout: REQUEST_TIMEOUT_MS };
    this.#server = http().createServer(limits, (request, response) => void this.#serve(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
    // CONNECT has a target that is not ours, and no answer of Node's own.
    this.#server.on('connect', (_request, socket) => socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n'));
  }

  setNames(names: readonly string[]): void {
    this.#names = names;
  }

  /** @param socket one that listens there already, by its descriptor. @returns the port */
  listen(host: string, port: number, socket?: number): Promise<number> {
    this.#host = host;
    return listening(this.#server, socket === undefined ? { host, port } : { fd: socket });
  }

  /** The descriptor of the socket that it listens on. */
  get socket(): number {
    // Not in the documentation, which has no other way to hand it to another process.
    return (this.#server as unknown as { _handle: { fd: number } })._handle.fd;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // What a peer that has gone leaves behind is no fault of ours.
    request.on('error', () => {});
    response.on('error', () => {});
    let answer: Answer;
    try {
      answer = await this.#answerTo(request);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      answer = error instanceof Busy ? text(503, why, { 'retry-after': '1' }) : text(500, why);
    }
    send(request, response, answer);
  }

  async #answerTo(request: IncomingMessage): Promise<Answer> {
    const bearsToken = this.#answerer.bearsToken(request.headers.authorization);
    const refused = refusalOf(request, { host: this.#host, names: this.#names }, bearsToken);
    if (refused !== null) return refused;
    const target = TARGET.exec(request.url ?? '');
    const isChange = this.#answerer.changing?.has(target?.[1] ?? '') === true;
    if (isChange && request.method !== 'POST') return text(405, 'only POST', { allow: 'POST' });
    if (!isChange && request.method !== 'GET' && request.method !== 'HEAD')
      return text(405, 'only GET', { allow: 'GET, HEAD' });
    if (target === null) return text(400, 'the target is not a path');
    if (this.#answering >= MAX_AT_ONCE) throw new Busy('too many requests at once');
    this.#answering++;
    try {
      const [, path = '/', query = ''] = target;
      return await this.#answerer.answer({ path, query: new URLSearchParams(query), bearsToken });
    } finally {
      this.#answering--;
    }
  }
}

/** A target in origin-form or absolute-form (RFC 9112, 3.2): its path, and its query. */
const TARGET = /^(?:https?:\/\/[^/?#]*)?(\/[^?#]*)(?:\?([^#]*))?$/i;

/** Not now: it may be asked again in a second. */
export class Busy extends Error {
  override readonly name = 'Busy';
}

/** What keeps an answer from being shown in, or read by, a page of another site. */
const ISOLATION = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
};

function send(request: IncomingMessage, response: ServerResponse, { status, type, text: body, headers }: Answer): void {
  // Content that is not read would have to be read to its end before the next request.
  const hasContent = request.headers['content-length'] !== undefined || 'transfer-encoding' in request.headers;
  response.writeHead(status, {
    'content-type': type,
    ...ISOLATION,
    ...headers,
    ...(hasContent ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
