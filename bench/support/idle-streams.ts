import { field, HeaderBlock, type Stream, type StreamHandler, unhandled } from '../../src/http/index.ts';
import type { Connection } from '../../src/http2/index.ts';
import { loadContext, openConnection, quietHandler } from './load.ts';

const CONNECTIONS = 10;

/** The key of a stream by its number. */
export function keyOf(number: number): string {
  return `project/document-${number}`;
}

/** Requests that nobody answers, on a few connections. */
export class IdleStreams {
  readonly #connections: readonly Connection[];
  readonly #block = new HeaderBlock();
  readonly #handler: StreamHandler;
  /** Which stream each one is: those that are open. */
  readonly #numbers = new Map<Stream, number>();
  opened = 0;
  /** Those that the other side has ended. */
  ended = 0;

  private constructor(connections: readonly Connection[], onEnded: (number: number) => void) {
    this.#connections = connections;
    const end = (stream: Stream): void => {
      const number = this.#numbers.get(stream) as number;
      this.#numbers.delete(stream);
      this.ended++;
      onEnded(number);
    };
    this.#handler = {
      onHeaders: (stream, _head, _block, endStream) => {
        if (endStream) end(stream);
      },
      onTrailers: end,
      onData() {},
      onReset: end,
      onCredit() {},
    };
  }

  /** @param onEnded called with the number of a stream that the other side has ended */
  static async connect(port: number, onEnded: (number: number) => void = () => {}): Promise<IdleStreams> {
    const context = loadContext();
    const connections = Array.from({ length: CONNECTIONS }, () => openConnection(port, context, quietHandler));
    return new IdleStreams(await Promise.all(connections), onEnded);
  }

  /** Opens so many more, some at a time. */
  async open(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.#openOne();
      if (i % 1000 === 999) await settle();
    }
    await settle();
  }

  #openOne(): void {
    const number = this.opened++;
    this.#numbers.set(this.#request(number, '/hang', this.#handler), number);
  }

  /** Makes a call with the key of a stream, on the same connection. @param onAnswered called once its answer has come */
  ask(number: number, onAnswered: () => void): void {
    this.#request(number, '/grpc/100', { ...unhandled, onTrailers: onAnswered, onReset: () => {} });
  }

  #request(number: number, path: string, handler: StreamHandler): Stream {
    this.#block.set([
      field(':method', 'POST'),
      field(':scheme', 'http'),
      field(':path', path),
      field(':authority', 'bench'),
      field('content-type', 'application/grpc'),
      field('te', 'trailers'),
      field('x-shard-key', keyOf(number)),
    ]);
    return (this.#connections[number % CONNECTIONS] as Connection).request(this.#block, true, handler);
  }

  close(): void {
    for (const connection of this.#connections) connection.destroy();
  }
}

/** Opens requests that nobody answers; `measure` is called before, and once all are open. @returns the streams that were kept */
export async function withIdleStreams(port: number, count: number, measure: (phase: 'before' | 'open') => void) {
  const streams = await IdleStreams.connect(port);
  // The connections' own memory is not the streams': one request on each first.
  await streams.open(CONNECTIONS);
  measure('before');
  await streams.open(count);
  measure('open');
  const kept = count - streams.ended;
  streams.close();
  return kept;
}

/** Long enough for a proxy to have taken in what was sent, and for a garbage collector to have come by. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 300));
}
