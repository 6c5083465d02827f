import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { FrameType, PREFACE, readUint24, readUint31 } from '../../src/http2/frames.ts';
import type { Scope } from '../support/processes.ts';
import { frame, word } from '../support/raw-peer.ts';
import type { Shape } from './shape.ts';
import { setting } from './wire.ts';

/** What an HTTP/2 shard takes of a request's content before it takes no more. */
const SHARD_WINDOW = 1000;
const MAX_WINDOW = 2 ** 31 - 1;

/** Two shards that do what the shape that is measured says, and keep nothing. */
export class ShapeShards {
  shape: Shape | null = null;
  /** Bytes that they have sent. */
  sentBytes = 0;
  readonly #sockets = new Set<Socket>();

  /** @returns the ports of the one that speaks HTTP/2 and of the one that speaks HTTP/1.1 */
  async listen(scope: Scope): Promise<readonly [http2: number, http1: number]> {
    return [
      await this.#listen(scope, (socket) => this.#serveHttp2(socket)),
      await this.#listen(scope, (socket) => this.#serveHttp1(socket)),
    ];
  }

  async #listen(scope: Scope, serve: (socket: Socket) => void): Promise<number> {
    const server: Server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      serve(socket);
    }).listen(0, '127.0.0.1');
    scope.defer(() => {
      server.close();
      for (const socket of this.#sockets) socket.destroy();
    });
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  }

  #send(socket: Socket, bytes: Buffer): void {
    this.sentBytes += bytes.length;
    socket.write(bytes);
  }

  #serveHttp2(socket: Socket): void {
    socket.write(
      Buffer.concat([setting(4, SHARD_WINDOW), frame(FrameType.WindowUpdate, 0, 0, word(MAX_WINDOW - 65_535))]),
    );
    let carried = Buffer.alloc(0);
    let preface = PREFACE.length;
    socket.on('data', (chunk: Buffer) => {
      carried = Buffer.concat([carried, chunk]);
      const skipped = Math.min(preface, carried.length);
      preface -= skipped;
      let at = skipped;
      while (carried.length - at >= 9 && carried.length - at >= 9 + readUint24(carried, at)) {
        const end = at + 9 + readUint24(carried, at);
        this.#onFrame(
          socket,
          carried[at + 3] as number,
          carried[at + 4] as number,
          readUint31(carried, at + 5),
          carried.subarray(at + 9, end),
        );
        at = end;
      }
      carried = Buffer.from(carried.subarray(at));
    });
  }

  #onFrame(socket: Socket, type: number, flags: number, id: number, payload: Buffer): void {
    const acknowledged = (flags & 1) !== 0;
    if (type === FrameType.Settings && !acknowledged) socket.write(frame(FrameType.Settings, 1, 0));
    else if (type === FrameType.Ping && !acknowledged) socket.write(frame(FrameType.Ping, 1, 0, payload));
    else if (type === FrameType.Headers) {
      const answer = this.shape?.answer?.(id) ?? null;
      if (answer !== null) this.#send(socket, answer);
    }
  }

  /** It answers each end of a head; where it answers nothing, it reads nothing either. */
  #serveHttp1(socket: Socket): void {
    if (this.shape?.http1Answer == null) {
      socket.pause();
      return;
    }
    let last = '';
    socket.on('data', (chunk: Buffer) => {
      const text = last + chunk.toString('latin1');
      const heads = text.split('\r\n\r\n').length - 1;
      last = heads > 0 ? text.slice(text.lastIndexOf('\r\n\r\n') + 4) : text;
      for (let i = 0; i < heads; i++) if (this.shape?.http1Answer != null) this.#send(socket, this.shape.http1Answer);
    });
  }
}
