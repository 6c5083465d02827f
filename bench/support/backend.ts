/**
 * The backend of every benchmark: on the project's own HTTP/2 engine, so that it is never what limits a proxy. It answers
 * `/get` with `:status` and `size` bytes, `/grpc` with a message of `size` bytes and trailers, `/hang` never.
 *
 *   node bench/support/backend.ts FIRST_PORT COUNT SIZE
 */
import { createServer } from 'node:net';
import {
  Connection,
  type ConnectionHandler,
  defaultLimits,
  field,
  HeaderBlock,
  http2Context,
  type MessageHead,
  type Stream,
  type StreamHandler,
} from '../../src/http2/index.ts';

const [firstPort = 0, count = 1, size = 100] = process.argv.slice(2).map(Number);
const context = http2Context(() => performance.now(), { ...defaultLimits, maxConcurrentStreams: 1_000_000 });
const block = new HeaderBlock();

const getHeaders = [
  field(':status', '200'),
  field('content-type', 'text/plain'),
  field('content-length', String(size)),
];
const grpcHeaders = [field(':status', '200'), field('content-type', 'application/grpc')];
const grpcTrailers = [field('grpc-status', '0')];
const getBody = Buffer.alloc(size, 'k');
const grpcBody = Buffer.alloc(5 + size, 'k');
grpcBody[0] = 0;
grpcBody.writeUInt32BE(size, 1);

function answer(stream: Stream, path: string): void {
  const { connection } = stream;
  if (path === '/hang') return;
  if (path.startsWith('/get')) {
    block.set(getHeaders);
    connection.sendHeaders(stream, block, false);
    connection.sendData(stream, getBody, 0, getBody.length, true);
    return;
  }
  block.set(grpcHeaders);
  connection.sendHeaders(stream, block, false);
  connection.sendData(stream, grpcBody, 0, grpcBody.length, false);
  block.set(grpcTrailers);
  connection.sendTrailers(stream, block);
}

/** Answers once the request has ended. */
class Requests implements StreamHandler {
  onHeaders(): void {}
  onTrailers(stream: Stream): void {
    answer(stream, '/grpc');
  }
  onData(stream: Stream, _bytes: Uint8Array, _start: number, _end: number, endStream: boolean): void {
    if (endStream) answer(stream, '/grpc');
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }
  onReset(): void {}
  onCredit(): void {}
}

const requests = new Requests();
const handler: ConnectionHandler = {
  onRequest(stream: Stream, head: MessageHead, _block: HeaderBlock, endStream: boolean): void {
    stream.handler = requests;
    if (endStream) answer(stream, head.path?.text ?? '');
  },
  onCapacity() {},
  onGoaway() {},
  onClosed() {},
  onFlood(_connection, cause) {
    process.stderr.write(`flood: ${cause}\n`);
  },
  onWrongPreface: () => null,
};

let listening = 0;
for (let i = 0; i < count; i++) {
  createServer({ noDelay: true }, (socket) => {
    const connection = new Connection(socket, true, context, handler);
    socket.on('data', (chunk: Buffer) => connection.receive(chunk, 0, chunk.length));
  }).listen(firstPort + i, '127.0.0.1', () => {
    if (++listening === count) process.stdout.write('listening\n');
  });
}
