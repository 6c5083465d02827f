/**
 * The backend of every benchmark, for HTTP/2 and HTTP/1.1: on the project's own engines, so that it is never what limits a proxy. It answers
 * `/get/SIZE` with so many bytes, `/grpc/SIZE` with a message of so many and trailers, `/watch/SIZE` with a message and no
 * end, `/hang` never. Any other path, a
 * real gRPC method's, is answered as `/grpc/100`.
 *
 *   node bench/support/backend.ts FIRST_PORT COUNT
 */
import { createServer, type Socket } from 'node:net';
import {
  defaultLimits,
  type Field,
  field,
  HeaderBlock,
  httpContext,
  type MessageHead,
  type Stream,
  type StreamHandler,
} from '../../src/http/index.ts';
import { Http1Connection, type Http1Handler } from '../../src/http1/index.ts';
import { Connection, type ConnectionHandler } from '../../src/http2/index.ts';

const context = httpContext(() => performance.now(), { ...defaultLimits, maxConcurrentStreams: 1_000_000 });
const block = new HeaderBlock();

/** Answers once the request has ended; one for each path. */
class Answer implements StreamHandler {
  readonly #headers: readonly Field[];
  readonly #body: Uint8Array;
  readonly #trailers: readonly Field[] | null;
  readonly #silent: boolean;
  readonly #endless: boolean;

  constructor(path: string) {
    const [, kind, text] = path.split('/');
    this.#silent = kind === 'hang';
    this.#endless = kind === 'watch';
    const get = kind === 'get';
    const size = get || kind === 'grpc' || kind === 'watch' ? Number(text) : 100;
    this.#body = get ? Buffer.alloc(size, 'k') : grpcMessage(size);
    this.#headers = get
      ? [field(':status', '200'), field('content-type', 'text/plain'), field('content-length', String(size))]
      : [field(':status', '200'), field('content-type', 'application/grpc')];
    this.#trailers = get ? null : [field('grpc-status', '0')];
  }

  answer(stream: Stream): void {
    if (this.#silent) return;
    const { connection } = stream;
    block.set(this.#headers);
    connection.sendHeaders(stream, block, false);
    connection.sendData(stream, this.#body, 0, this.#body.length, this.#trailers === null);
    if (this.#trailers === null || this.#endless) return;
    block.set(this.#trailers);
    connection.sendTrailers(stream, block);
  }

  onHeaders(): void {}
  onTrailers(stream: Stream): void {
    this.answer(stream);
  }
  onData(stream: Stream, _bytes: Uint8Array, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.answer(stream);
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }
  onReset(): void {}
  onCredit(): void {}
}

function grpcMessage(size: number): Uint8Array {
  const message = Buffer.alloc(5 + size, 'k');
  message[0] = 0;
  message.writeUInt32BE(size, 1);
  // A field of text, so that generators that read messages find one; a longer one would want more bytes for its length.
  if (size >= 2 && size < 130) message.set([0x0a, size - 2], 5);
  return message;
}

const answers = new Map<string, Answer>();
function answerTo(path: string): Answer {
  const known = answers.get(path);
  if (known !== undefined) return known;
  const made = new Answer(path);
  answers.set(path, made);
  return made;
}

const handler: ConnectionHandler & Http1Handler = {
  onRequest(stream: Stream, head: MessageHead, _block: HeaderBlock, endStream: boolean): void {
    const answer = answerTo(head.path?.text ?? '');
    stream.handler = answer;
    if (endStream) answer.answer(stream);
  },
  onCapacity() {},
  onGoaway() {},
  onClosed() {},
  onHttp2Upgrade() {},
  onFault() {},
  onSlow() {},
  onFlood(_connection, cause) {
    process.stderr.write(`flood: ${cause}\n`);
  },
};

/** Listens on `count` ports from `firstPort` on. @returns what ends it all */
export async function startBackends(firstPort: number, count: number): Promise<() => void> {
  const sockets = new Set<Socket>();
  const servers = Array.from({ length: count }, () =>
    createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      let connection: Connection | Http1Connection | null = null;
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        connection ??=
          chunk.toString('latin1', 0, 3) === 'PRI'
            ? new Connection(socket, true, context, handler)
            : new Http1Connection(socket, context, handler, false);
        connection.receive(chunk, 0, chunk.length);
      });
    }),
  );
  await Promise.all(
    servers.map((server, i) => new Promise<void>((resolve) => server.listen(firstPort + i, '127.0.0.1', resolve))),
  );
  return () => {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  };
}

if (import.meta.main) {
  const [firstPort = 0, count = 1] = process.argv.slice(2).map(Number);
  await startBackends(firstPort, count);
}
