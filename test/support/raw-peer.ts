import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type Field, HeaderBlock, transientField } from '../../src/http/index.ts';
import { FrameType, PREFACE, readUint31, readUint32, writeFrameHeader } from '../../src/http2/frames.ts';
import { HpackEncoder } from '../../src/http2/index.ts';
import type { Scope } from './processes.ts';

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A frame's bytes, right or wrong as the test wants them. */
export function frame(type: number, flags: number, id: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  writeFrameHeader(bytes, 0, payload.length, type, flags, id);
  bytes.set(payload, 9);
  return bytes;
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A header block that needs no dynamic table. */
export function headerBlock(headers: ReadonlyArray<readonly [name: string, value: string]>): Buffer {
  const block = new HeaderBlock();
  block.set(headers.map(([name, value]): Field => transientField(name, value)));
  const encoder = new HpackEncoder();
  const bytes = Buffer.alloc(block.wireBound + 64);
  const end = encoder.encode(block, bytes, 0);
  return bytes.subarray(0, end);
}

export function requestBlock(more: ReadonlyArray<readonly [name: string, value: string]> = []): Buffer {
  return headerBlock([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'test'],
    ['x-shard-key', 'key'],
    ...more,
  ]);
}

/** One end of a connection whose frames a test writes and reads itself. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  readonly #isServer: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #prefaceLeft: number;
  #waiting: Array<() => void> = [];
  closed = false;

  constructor(socket: Socket, isServer: boolean) {
    this.socket = socket;
    this.#isServer = isServer;
    this.#prefaceLeft = isServer ? PREFACE.length : 0;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** A client that has said its preface and its SETTINGS. */
  static async connect(scope: Scope, port: number): Promise<RawPeer> {
    const socket = connect(port, '127.0.0.1');
    scope.defer(() => socket.destroy());
    await once(socket, 'connect');
    const peer = new RawPeer(socket, false);
    socket.write(Buffer.concat([PREFACE, frame(FrameType.Settings, 0, 0)]));
    return peer;
  }

  /** A server whose connections `serve` handles, each after its SETTINGS. @returns its port */
  static async listen(scope: Scope, serve: (peer: RawPeer) => void): Promise<number> {
    const server = createServer((socket) => {
      scope.defer(() => socket.destroy());
      const peer = new RawPeer(socket, true);
      socket.write(frame(FrameType.Settings, 0, 0));
      serve(peer);
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  }

  write(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  #receive(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    const preface = Math.min(this.#prefaceLeft, this.#buffer.length);
    this.#buffer = this.#buffer.subarray(preface);
    this.#prefaceLeft -= preface;
    while (this.#buffer.length >= 9) {
      const length = this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < 9 + length) break;
      const payload = Buffer.from(this.#buffer.subarray(9, 9 + length));
      const received = {
        type: this.#buffer[3] as number,
        flags: this.#buffer[4] as number,
        id: readUint31(this.#buffer, 5),
        payload,
      };
      this.#buffer = this.#buffer.subarray(9 + length);
      if (received.type === FrameType.Settings && (received.flags & 1) === 0)
        this.write(frame(FrameType.Settings, 1, 0));
      this.frames.push(received);
      this.onFrame?.(received);
    }
    this.#wake();
  }

  /** Called for each frame as it comes. */
  onFrame: ((frame: RawFrame) => void) | null = null;

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each();
  }

  /** The first frame that matches, once it has come; rejects where the connection ends without. */
  async frame(matches: (frame: RawFrame) => boolean): Promise<RawFrame> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.closed) throw new Error(`closed after ${this.frames.length} frames, of types ${this.types()}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The error code of the GOAWAY that ends the connection. */
  async goaway(): Promise<number> {
    return readUint32((await this.frame(({ type }) => type === FrameType.Goaway)).payload, 4);
  }

  types(): string {
    return this.frames.map(({ type }) => type).join(',');
  }

  get isServer(): boolean {
    return this.#isServer;
  }
}
