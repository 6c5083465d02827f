import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Scope } from '../../../test/support/processes.ts';
import { frame, headerBlock, RawPeer } from '../../../test/support/raw-peer.ts';
import { field, HeaderBlock, httpContext } from '../../http/index.ts';
import { FrameType, readUint32 } from '../frames.ts';
import { Connection, type ConnectionHandler } from '../index.ts';

const scope = new Scope();
const COMPRESSION_ERROR = 9;
const ACK = 1;
const END = 1 | 4;
let ourPort = 0;
let nodePort = 0;

const portOf = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  const context = httpContext(() => performance.now());
  const block = new HeaderBlock();
  const handler: ConnectionHandler = {
    onRequest(stream) {
      block.set([field(':status', '204')]);
      stream.connection.sendHeaders(stream, block, true);
    },
    onCapacity() {},
    onGoaway() {},
    onClosed() {},
    onFlood() {},
  };
  const ours = createServer((socket) => {
    const connection = new Connection(socket, true, context, handler);
    socket.on('data', (chunk: Buffer) => connection.receive(chunk, 0, chunk.length));
  });
  ourPort = await portOf(ours);
  const node = createHttp2Server();
  node.on('session', (session) => session.on('error', () => {}));
  node.on('stream', (stream) => {
    stream.on('error', () => {});
    (stream as unknown as { respond(headers: object, options: object): void }).respond(
      { ':status': 204 },
      { endStream: true },
    );
  });
  nodePort = await portOf(node as unknown as Server);
});
afterAll(() => scope.release());

/** Whether a server takes these header blocks, one request after the other, for valid HPACK. */
async function isValid(port: number, blocks: readonly Uint8Array[]): Promise<boolean> {
  const peer = await RawPeer.connect(scope, port);
  try {
    peer.write(...blocks.map((block, i) => frame(FrameType.Headers, END, 2 * i + 1, block)));
    // Answered once all before it has been read.
    peer.write(frame(FrameType.Ping, 0, 0, Buffer.alloc(8, 7)));
    const last = await peer.frame(
      ({ type, flags }) => type === FrameType.Goaway || (type === FrameType.Ping && (flags & ACK) !== 0),
    );
    return last.type !== FrameType.Goaway || readUint32(last.payload, 4) !== COMPRESSION_ERROR;
  } finally {
    peer.socket.destroy();
  }
}

const request = headerBlock([
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
]);
const literal = fc
  .tuple(fc.constantFrom(0x40, 0x00, 0x10), fc.stringMatching(/^x-[a-z]{1,8}$/), fc.stringMatching(/^[a-z0-9]{0,12}$/))
  .map(([kind, name, value]) =>
    Buffer.concat([
      Buffer.from([kind, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
const indexed = fc.integer({ min: 0x80, max: 0xff }).map((byte) => Buffer.from([byte]));
const resize = fc.integer({ min: 0x20, max: 0x3f }).map((byte) => Buffer.from([byte]));
const noise = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
const piece = fc.oneof({ weight: 5, arbitrary: literal }, { weight: 2, arbitrary: indexed }, resize, noise);
const block = fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.concat([request, ...pieces]));

it("accepts the header blocks that Node's own HTTP/2 accepts, and no others", async () => {
  const seen = { valid: 0, invalid: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 3 }), async (blocks) => {
      const [ours, nodes] = await Promise.all([isValid(ourPort, blocks), isValid(nodePort, blocks)]);
      expect(ours, blocks.map((each) => each.toString('hex')).join(' | ')).toBe(nodes);
      seen[ours ? 'valid' : 'invalid']++;
    }),
    { numRuns: 600 },
  );
  // The generator reaches both sides.
  expect(Math.min(seen.valid, seen.invalid)).toBeGreaterThan(50);
});
