import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { FrameType, PREFACE } from '../../src/http2/frames.ts';
import { freePorts, type Scope } from '../support/processes.ts';
import { frame } from '../support/raw-peer.ts';
import type { ClientScript, Shape } from './shape.ts';
import { ShapeShards } from './shards.ts';

/** What a shape came to. */
export interface Cost {
  readonly shape: Shape;
  /** Bytes that came from its clients, and from the shards that it makes send. */
  readonly cameBytes: number;
  /** Bytes of memory that the router kept once all had come. */
  readonly keptBytes: number;
  readonly cpuUs: number;
}

interface Reading {
  readonly cpuUs: number;
  readonly bytes: number;
}

/** The router works no more where between two looks it has used less than this, which looking takes. */
const QUIET_US = 3000;
const LOOK_MS = 15;

/** A router in a process of its own, its shards, and clients that do what shapes say. */
export class Rig {
  readonly #child: ChildProcess;
  readonly #shards: ShapeShards;
  readonly #port: number;
  readonly #waiting = new Map<number, (reading: Reading) => void>();
  #nextId = 1;

  private constructor(child: ChildProcess, shards: ShapeShards, port: number) {
    this.#child = child;
    this.#shards = shards;
    this.#port = port;
    child.on('message', ({ id, ...reading }: Reading & { id: number }) => {
      this.#waiting.get(id)?.(reading);
      this.#waiting.delete(id);
    });
  }

  static async start(scope: Scope): Promise<Rig> {
    const shards = new ShapeShards();
    const [http2, http1] = await shards.listen(scope);
    const [adminPort] = await freePorts(1);
    const cluster = (protocol: string, port: number): object => ({
      upstream: { protocol },
      hashOn: 'id',
      shards: [{ id: 's0', address: `127.0.0.1:${port}` }],
    });
    const config = {
      listen: [{ address: '127.0.0.1:0' }],
      admin: { address: `127.0.0.1:${adminPort}` },
      routes: [
        { match: { prefix: '/http1' }, cluster: 'http1' },
        { match: { prefix: '/' }, cluster: 'http2' },
      ],
      clusters: { http2: cluster('http2', http2), http1: cluster('http1', http1) },
    };
    const file = scope.file('keyway.yaml', stringify(config));
    const child = fork(fileURLToPath(new URL('./measured-router.ts', import.meta.url)), [file], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    scope.defer(() => child.kill('SIGKILL'));
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Rig(child, shards, port);
  }

  #read(collect: boolean): Promise<Reading> {
    if (!this.#child.connected) throw new Error('the router has ended');
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, collect }, (error) => error && reject(error));
    });
  }

  /** Waits until the router has nothing to do. */
  async #quiet(): Promise<Reading> {
    for (let last = await this.#read(false); ; ) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const reading = await this.#read(false);
      if (reading.cpuUs - last.cpuUs < QUIET_US) return reading;
      last = reading;
    }
  }

  async measure(shape: Shape): Promise<Cost> {
    await this.#quiet();
    const before = await this.#read(true);
    const { cpuUs: begunUs } = await this.#read(false);
    this.#shards.shape = shape;
    this.#shards.sentBytes = 0;
    const isHttp1 = shape.kind.startsWith('HTTP/1.1');
    const sockets = await Promise.all(shape.clients.map((script) => this.#play(script, isHttp1)));
    const { cpuUs } = await this.#quiet();
    const { bytes } = await this.#read(true);
    const sent = sockets.reduce((sum, { bytesWritten, writableLength }) => sum + bytesWritten - writableLength, 0);
    const cameBytes = sent + this.#shards.sentBytes;
    for (const socket of sockets) socket.destroy();
    this.#shards.shape = null;
    return { shape, cameBytes, keptBytes: Math.max(0, bytes - before.bytes), cpuUs: cpuUs - begunUs };
  }

  async #play({ pieces, reads }: ClientScript, isHttp1: boolean): Promise<Socket> {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    if (reads) socket.resume();
    else socket.pause();
    if (!isHttp1) socket.write(Buffer.concat([PREFACE, frame(FrameType.Settings, 0, 0)]));
    for (const piece of pieces) {
      socket.write(piece);
      // Each comes as a read of its own, as far as that can be brought about.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return socket;
  }
}
