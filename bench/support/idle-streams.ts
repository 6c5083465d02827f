import { field, HeaderBlock, type Stream, type StreamHandler } from '../../src/http/index.ts';
import type { Connection } from '../../src/http2/index.ts';
import { loadContext, openConnection, quietHandler } from './load.ts';

const CONNECTIONS = 10;

/** Requests that nobody answers, on a few connections. */
export class IdleStreams {
  readonly #connections: readonly Connection[];
  readonly #block = new HeaderBlock();
  readonly #handler: StreamHandler;
  opened = 0;
  /** Those that the other side has ended. */
  ended = 0;

  private constructor(connections: readonly Connection[], onEnded: () => void) {
    this.#connections = connections;
    const end = (): void => {
      this.ended++;
      onEnded();
    };
    this.#handler = {
      onHeaders: (_stream, _head, _block, endStream) => {
        if (endStream) end();
      },
      onTrailers: end,
      onData() {},
      onReset: end,
      onCredit() {},
    };
  }

  static async connect(port: number, onEnded: () => void = () => {}): Promise<IdleStreams> {
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

  #openOne(): Stream {
    const number = this.opened++;
    this.#block.set([
      field(':method', 'POST'),
      field(':scheme', 'http'),
      field(':path', '/hang'),
      field(':authority', 'bench'),
      field('content-type', 'application/grpc'),
      field('te', 'trailers'),
      field('x-shard-key', `project/document-${number}`),
    ]);
    return (this.#connections[number % CONNECTIONS] as Connection).request(this.#block, true, this.#handler);
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
