import { once } from 'node:events';
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A shard on loopback for whose answers a spec says the word. What it was asked waits, in the order in which it came. */
export interface FakeShard {
  readonly port: number;
  /** Connections that are open to it. */
  readonly connections: number;
  /** The paths of requests that have come, answered or not. */
  readonly asked: readonly string[];
  /** Answers those that have waited longest. */
  answer(count?: number): void;
  /** Cuts all connections, and goes on listening. */
  cut(): void;
  /** Cuts them, and listens no more. */
  close(): Promise<void>;
}

abstract class Listening<Kind extends Server> {
  protected readonly server: Kind;
  protected readonly sockets = new Set<Socket>();
  readonly asked: string[] = [];

  constructor(server: Kind) {
    this.server = server;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.sockets.size;
  }

  async listen(port: number): Promise<this> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.cut();
    await once(this.server, 'close');
  }
}

/** One that speaks HTTP/2. */
export class FakeHttp2Shard extends Listening<Http2Server> implements FakeShard {
  readonly #sessions: ServerHttp2Session[] = [];
  readonly #waiting: ServerHttp2Stream[] = [];

  /** @param maxConcurrentStreams what it lets a connection have open */
  constructor(maxConcurrentStreams = 100) {
    super(createHttp2Server({ settings: { maxConcurrentStreams } }));
    this.server.on('session', (session) => {
      this.#sessions.push(session);
      session.on('error', () => {});
    });
    this.server.on('stream', (stream, headers) => {
      this.asked.push(String(headers[':path']));
      this.#waiting.push(stream as ServerHttp2Stream);
      stream.on('error', () => {});
    });
  }

  answer(count = 1): void {
    for (const stream of this.#waiting.splice(0, count))
      if (!stream.closed) stream.respond({ ':status': 204 }, { endStream: true });
  }

  /** Says on all connections that it takes no more requests on them. */
  goaway(): void {
    for (const session of this.#sessions) if (!session.destroyed) session.goaway();
  }
}

/** One that speaks HTTP/1.1, and ends a connection on which it is asked for something else. */
export class FakeHttp1Shard extends Listening<Server> implements FakeShard {
  readonly #waiting: Socket[] = [];

  constructor() {
    super(
      createServer((socket) => {
        let text = '';
        socket.on('data', (bytes) => {
          text += bytes.toString('latin1');
          if (text.startsWith('PRI ')) {
            socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
            return;
          }
          for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
            const [, path = ''] = text.split(' ', 2);
            text = text.slice(end + 4);
            this.asked.push(path);
            this.#waiting.push(socket);
          }
        });
      }),
    );
  }

  answer(count = 1): void {
    for (const socket of this.#waiting.splice(0, count)) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
  }
}
