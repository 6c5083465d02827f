import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { lazyPackage } from '../runtime/lazy-package.ts';
import { type Answer, text } from './answer.ts';
import { listening } from './listening.ts';
import { refusalOf, type ServedNames } from './request-guard.ts';

// An import of it reads all that it exports, and so loads undici for its WebSocket, which takes longer than all of the router.
const http = lazyPackage<typeof import('node:http')>('node:http');
const https = lazyPackage<typeof import('node:https')>('node:https');

/** A certificate with its chain, and its key, in PEM. */
export interface ShownCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** By which something may be asked for. Whatever is asked for by GET is by HEAD, too. */
export type Method = 'GET' | 'POST' | 'DELETE';

/** A question to an address that people and their programs operate Keyway by. */
export interface Question {
  readonly method: Method;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether it shows the token that only permitted clients know. */
  readonly bearsToken: boolean;
  /** Aborted once whoever has asked has gone, or has been answered: nothing need be waited for any more. */
  readonly gone: AbortSignal;
  /** Reads its content. @throws TooLarge where it has more bytes; the asker is told so */
  body(mostBytes: number): Promise<Buffer>;
}

/** What answers questions. */
export interface Answerer {
  bearsToken(authorization: string | undefined): boolean;
  /** May throw, or reject: the asker gets an error, and no other request is harmed. */
  answer(question: Question): Answer | Promise<Answer>;
  /** The methods by which a path is asked for; GET where it is not given. */
  methods?(path: string): readonly Method[];
  /** What a refusal looks like; a line of text where it is not given. */
  refusal?(refused: Answer): Answer;
}

/** A header section has a few lines. */
const LARGEST_HEAD_BYTES = 16 * 1024;
/** A client has to have written the whole request by then. */
const REQUEST_TIMEOUT_MS = 10_000;
/** People and monitors are few; others must not take descriptors that clients need. */
const MAX_CONNECTIONS = 256;
/** Questions that are being answered at once. Most that only read are answered within a turn of the event loop; others may wait for other processes for a minute. */
const MAX_READS_AT_ONCE = 32;
const MAX_CHANGES_AT_ONCE = 16;

/** Answers by HTTP/1.1 what people and their programs ask to operate Keyway. Whatever is sent to it, the process goes on. */
export class GuardedServer {
  readonly #server: Server;
  readonly #answerer: Answerer;
  readonly #namesSetting: string;
  #names: readonly string[];
  #host = '';
  /** Those that are being answered, of those that only read, and of those that change something. */
  readonly #answering = { reads: 0, changes: 0 };

  /**
   * @param names see `ServedNames`
   * @param tls the certificate that it shows; null: cleartext
   * @param namesSetting where people write the names
   */
  constructor(
    answerer: Answerer,
    names: readonly string[],
    tls: ShownCertificate | null = null,
    namesSetting = 'admin.hosts',
  ) {
    this.#namesSetting = namesSetting;
    this.#answerer = answerer;
    this.#names = names;
    const limits = { maxHeaderSize: LARGEST_HEAD_BYTES, requestTimeout: REQUEST_TIMEOUT_MS };
    const serve = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server =
      tls === null
        ? http().createServer(limits, serve)
        : https().createServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, serve);
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
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    let answer: Answer;
    try {
      answer = await this.#answerTo(request, gone.signal);
    } catch (error) {
      answer = this.#refusal(faultOf(error));
    }
    send(request, response, answer);
  }

  get #served(): ServedNames {
    return { host: this.#host, names: this.#names, setting: this.#namesSetting };
  }

  #refusal(refused: Answer): Answer {
    return this.#answerer.refusal?.(refused) ?? refused;
  }

  async #answerTo(request: IncomingMessage, gone: AbortSignal): Promise<Answer> {
    const bearsToken = this.#answerer.bearsToken(request.headers.authorization);
    const refused = refusalOf(request, this.#served, bearsToken);
    if (refused !== null) return this.#refusal(refused);
    const target = TARGET.exec(request.url ?? '');
    const methods = this.#answerer.methods?.(target?.[1] ?? '') ?? ONLY_GET;
    const method = methods.find((each) => each === request.method || (each === 'GET' && request.method === 'HEAD'));
    if (method === undefined) {
      const allow = methods.flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each])).join(', ');
      return this.#refusal(text(405, `only ${methods.join(', ')}`, { allow }));
    }
    if (target === null) return this.#refusal(text(400, 'the target is not a path'));
    const kind = method === 'GET' ? 'reads' : 'changes';
    if (this.#answering[kind] >= (kind === 'reads' ? MAX_READS_AT_ONCE : MAX_CHANGES_AT_ONCE))
      throw new Busy('too many requests at once');
    this.#answering[kind]++;
    try {
      const [, path = '/', query = ''] = target;
      const body = (mostBytes: number): Promise<Buffer> => bodyOf(request, mostBytes);
      return await this.#answerer.answer({ method, path, query: new URLSearchParams(query), bearsToken, gone, body });
    } finally {
      this.#answering[kind]--;
    }
  }
}

const ONLY_GET: readonly Method[] = ['GET'];

/** The content of a request has more bytes than are read. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

/** The client is bound to send it in time, by the server's limits. @throws TooLarge */
async function bodyOf(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The connection stays: the client is to read why it was refused.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new TooLarge(`the content has more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function faultOf(error: unknown): Answer {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof TooLarge) return text(413, why);
  return error instanceof Busy ? text(503, why, { 'retry-after': '1' }) : text(500, why);
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
  const isLeft = hasContent && !request.readableEnded;
  response.writeHead(status, {
    ...(status === 204 ? {} : { 'content-type': type }),
    ...ISOLATION,
    ...headers,
    ...(isLeft ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
