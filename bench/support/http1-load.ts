import { connect, type Socket } from 'node:net';
import type { Slice, SlicedLoad } from './load.ts';

export interface Http1LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly path: string;
  readonly keys: number;
}

const HEAD_END = '\r\n\r\n';

/** A closed loop over HTTP/1.1: on each connection one request after the other. Answers have to say how long they are. */
export async function openSlicedHttp1Load(options: Http1LoadOptions): Promise<SlicedLoad> {
  const clients = Array.from({ length: options.connections }, (_, i) => new Client(options, i));
  await Promise.all(clients.map((client) => client.open()));
  return {
    async run(ms): Promise<Slice> {
      const started = performance.now();
      const slices = await Promise.all(clients.map((client) => client.run(ms)));
      const sum = (count: (slice: Counts) => number): number => slices.reduce((all, slice) => all + count(slice), 0);
      const seconds = (performance.now() - started) / 1000;
      return { requests: sum(({ requests }) => requests), errors: sum(({ errors }) => errors), seconds };
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}

interface Counts {
  readonly requests: number;
  readonly errors: number;
}

/** One connection. */
class Client {
  readonly #port: number;
  readonly #requests: readonly Buffer[];
  #socket: Socket | null = null;
  /** What has come of an answer's head, and how much of its content is to come. */
  #head = '';
  #left = 0;
  #next: number;
  #untilMs = 0;
  #counts = { requests: 0, errors: 0 };
  #onOver: (counts: Counts) => void = () => {};

  constructor({ port, path, keys }: Http1LoadOptions, first: number) {
    this.#port = port;
    this.#next = first;
    this.#requests = Array.from({ length: keys }, (_, i) => {
      const key = `project-${i % 100}/document-${i}`;
      return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-shard-key: ${key}${HEAD_END}`);
    });
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true }, resolve);
      socket.once('error', reject);
      socket.on('data', (chunk: Buffer) => this.#onData(chunk));
      this.#socket = socket;
    });
  }

  /** Sends requests for so long. Resolves once the last is answered. */
  run(ms: number): Promise<Counts> {
    this.#counts = { requests: 0, errors: 0 };
    this.#untilMs = performance.now() + ms;
    return new Promise((resolve) => {
      this.#onOver = resolve;
      this.#send();
    });
  }

  #send(): void {
    this.#socket?.write(this.#requests[this.#next++ % this.#requests.length] as Buffer);
  }

  #onData(chunk: Buffer): void {
    if (this.#left > 0) this.#left -= chunk.length;
    else {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf(HEAD_END);
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1] ?? 0);
      if (!this.#head.startsWith('HTTP/1.1 200')) this.#counts.errors++;
      this.#left = length - (this.#head.length - end - HEAD_END.length);
      this.#head = '';
    }
    if (this.#left > 0) return;
    this.#counts.requests++;
    if (performance.now() < this.#untilMs) this.#send();
    else this.#onOver(this.#counts);
  }

  close(): void {
    this.#socket?.destroy();
  }
}
