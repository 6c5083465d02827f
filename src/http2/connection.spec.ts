import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  ErrorCode,
  field,
  HeaderBlock,
  httpContext,
  type MessageHead,
  type Stream,
  type StreamHandler,
  transientField,
} from '../http/index.ts';
import { Connection, type ConnectionHandler } from './connection.ts';

const releases: Array<() => void> = [];
afterEach(() => {
  for (const release of releases.splice(0)) release();
});

const context = httpContext(() => performance.now());
const block = new HeaderBlock();
const silent: ConnectionHandler = {
  onRequest() {},
  onCapacity() {},
  onGoaway() {},
  onClosed() {},
  onFlood() {},
};

interface Message {
  headers: Array<[string, string]>;
  content: Buffer;
  trailers: Array<[string, string]>;
}

const pairs = (from: HeaderBlock): Array<[string, string]> => from.copy().map(({ name, text }) => [name.text, text]);

/** Collects one message of a stream and says when it is complete. */
class Collector implements StreamHandler {
  readonly message: Message = { headers: [], content: Buffer.alloc(0), trailers: [] };
  readonly complete: Promise<Message>;
  #resolve: (message: Message) => void = () => {};
  constructor() {
    this.complete = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
  onHeaders(_stream: Stream, _head: MessageHead, from: HeaderBlock, endStream: boolean): void {
    this.message.headers = pairs(from);
    if (endStream) this.#resolve(this.message);
  }
  onTrailers(_stream: Stream, _head: MessageHead, from: HeaderBlock): void {
    this.message.trailers = pairs(from);
    this.#resolve(this.message);
  }
  onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.message.content = Buffer.concat([this.message.content, bytes.subarray(start, end)]);
    if (endStream) this.#resolve(this.message);
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }
  onReset(): void {
    this.#resolve(this.message);
  }
  onCredit(): void {}
}

function read(socket: Socket, connection: Connection): void {
  socket.on('data', (chunk: Buffer) => connection.receive(chunk, 0, chunk.length));
  releases.push(() => connection.destroy());
}

/** Our client, connected to a server of Node's. */
async function clientOf(server: http2.Http2Server): Promise<Connection> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  releases.push(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const connection = new Connection(socket, false, context, silent);
  read(socket, connection);
  return connection;
}

/** A client of Node's, connected to our server. */
async function clientTo(onRequest: ConnectionHandler['onRequest']): Promise<http2.ClientHttp2Session> {
  const server = createServer((socket) =>
    read(socket, new Connection(socket, true, context, { ...silent, onRequest })),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  releases.push(() => session.destroy());
  releases.push(() => server.close());
  return session;
}

const name = fc.stringMatching(/^x-[a-z0-9-]{1,20}$/);
const value = fc.stringMatching(/^([!-~]([ -~]{0,60}[!-~])?)?$/);
const headerLists = fc.array(fc.array(fc.tuple(name, value), { maxLength: 20 }), { minLength: 1, maxLength: 6 });
const flat = (list: ReadonlyArray<readonly [string, string]>): string[] => list.flat();

describe("against Node's own HTTP/2", () => {
  it('sends header lists that Node reads, on one connection with one table', async () => {
    const server = http2.createServer();
    const seen: string[][] = [];
    server.on('stream', (stream, _headers, _flags, raw) => {
      const all = raw as unknown as string[];
      const list: string[] = [];
      for (let i = 0; i < all.length; i += 2) if (all[i]?.startsWith('x-')) list.push(all[i] ?? '', all[i + 1] ?? '');
      seen.push(list);
      (stream as http2.ServerHttp2Stream).respond({ ':status': 204 }, { endStream: true });
    });
    const client = await clientOf(server);
    await fc.assert(
      fc.asyncProperty(headerLists, async (lists) => {
        for (const list of lists) {
          const make = list.length % 2 === 0 ? field : transientField;
          block.set([field(':method', 'GET'), field(':scheme', 'http'), field(':path', '/'), field(':authority', 'a')]);
          for (const [n, v] of list) block.push(make(n, v));
          const collector = new Collector();
          client.request(block, true, collector);
          await collector.complete;
          expect(seen.at(-1)).toEqual(flat(list));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('reads header lists that Node sends', async () => {
    const seen: string[][] = [];
    const session = await clientTo((stream, _head, from) => {
      seen.push(flat(pairs(from).filter(([n]) => n.startsWith('x-'))));
      block.set([field(':status', '204')]);
      stream.connection.sendHeaders(stream, block, true);
    });
    await fc.assert(
      fc.asyncProperty(headerLists, async (lists) => {
        for (const list of lists) {
          // Node joins what repeats; names are made unique here.
          const unique = list.map(([n, v], i): [string, string] => [`${n}-${i}`, v]);
          const request = session.request({ ':path': '/', ...Object.fromEntries(unique) });
          request.resume();
          await once(request, 'end');
          expect(seen.at(-1)).toEqual(flat(unique));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('carries content of any size and trailers both ways', async () => {
    const session = await clientTo((stream, _head, _block, endStream) => {
      const collector = new Collector();
      stream.handler = collector;
      const answer = (message: Message): void => {
        block.set([field(':status', '200')]);
        stream.connection.sendHeaders(stream, block, false);
        const { content } = message;
        stream.connection.sendData(stream, content, 0, content.length, false);
        block.set([transientField('x-length', String(content.length))]);
        stream.connection.sendTrailers(stream, block);
      };
      if (endStream) answer(collector.message);
      else void collector.complete.then(answer);
    });
    for (const size of [0, 1, 16384, 16385, 300_000, 2_000_000]) {
      const sent = Buffer.alloc(size, `${size} `);
      const request = session.request({ ':method': 'POST', ':path': '/' });
      request.end(sent);
      const received: Buffer[] = [];
      request.on('data', (chunk: Buffer) => received.push(chunk));
      const [trailers] = await once(request, 'trailers');
      await once(request, 'close');
      expect(trailers['x-length']).toBe(String(size));
      expect(Buffer.concat(received).equals(sent)).toBe(true);
    }
  });

  it('sends a header block that is larger than a frame', async () => {
    const server = http2.createServer({ settings: { maxHeaderListSize: 65535 } });
    let length = 0;
    server.on('stream', (stream, headers) => {
      length = String(headers['x-long']).length;
      (stream as http2.ServerHttp2Stream).respond({ ':status': 204 }, { endStream: true });
    });
    const client = await clientOf(server);
    block.set([field(':method', 'GET'), field(':scheme', 'http'), field(':path', '/'), field(':authority', 'a')]);
    block.push(transientField('x-long', '|'.repeat(40_000)));
    const collector = new Collector();
    client.request(block, true, collector);
    await collector.complete;
    expect(length).toBe(40_000);
  });
});

it('abandons thousands of requests without the peer taking that for an attack', async () => {
  const server = http2.createServer();
  let open = 0;
  server.on('stream', (stream) => {
    open++;
    stream.on('error', () => {});
    stream.on('close', () => open--);
  });
  const client = await clientOf(server);
  const streams: Stream[] = [];
  const request = (): void => {
    block.set([field(':method', 'GET'), field(':scheme', 'http'), field(':path', '/'), field(':authority', 'a')]);
    streams.push(client.request(block, true, new Collector()));
  };
  for (let i = 0; i < 3001; i++) request();
  await vi.waitFor(() => expect(open).toBe(3001), { timeout: 10_000 });
  const [kept, ...others] = streams.splice(0) as [Stream, ...Stream[]];
  for (const stream of others) client.letGo(stream);
  expect(client.cancelledStreams).toBeGreaterThan(2000);
  await vi.waitFor(() => expect(open).toBe(client.cancelledStreams + 1), { timeout: 10_000 });
  // An hour later the rest may go, a burst at a time.
  const later = performance.now() + 3_600_000;
  client.sweep(later);
  expect(client.cancelledStreams).toBeLessThan(2100);
  request();
  await vi.waitFor(() => expect(open).toBe(client.cancelledStreams + 2), { timeout: 10_000 });
  expect(client.endedBecause).toBe('');
  // Once nothing else is open on it, the peer need not wait for the rest.
  for (const stream of [kept, ...streams]) client.reset(stream, ErrorCode.Cancel);
  client.sweep(later);
  await vi.waitFor(() => expect([open, client.cancelledStreams]).toEqual([0, 0]), { timeout: 10_000 });
});
