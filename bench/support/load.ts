/**
 * A load generator on the project's own HTTP/2 engine. Closed loop: `connections` times `streams` requests are always
 * under way. Open loop (`rate`): Poisson arrivals, latency counted from the intended start.
 */
import { connect } from 'node:net';
import {
  defaultLimits,
  type Field,
  field,
  HeaderBlock,
  type HttpContext,
  httpContext,
  type MessageHead,
  type Stream,
  type StreamHandler,
  transientField,
} from '../../src/http/index.ts';
import { Connection, type ConnectionHandler } from '../../src/http2/index.ts';
import { sharedRead } from '../../src/io/index.ts';

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly streams: number;
  readonly path: string;
  /** Bytes of the request's message; 0 sends a GET. */
  readonly requestBytes: number;
  readonly keys: number;
  /** These keys, in their order, in place of so many of its own. */
  readonly keyTexts?: readonly string[];
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Requests a second for the open loop. */
  readonly rate?: number;
  /**
   * Sleeps between arrivals, and counts from when it woke, where it keeps a core busy else: for measuring what others on
   * the machine do meanwhile, which want the core too.
   */
  readonly sleeps?: boolean;
}

export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  /** Sorted, milliseconds; open loop only. */
  readonly latenciesMs: Float64Array;
}

/** Opens a client connection on the engine. */
export function openConnection(port: number, context: HttpContext, handler: ConnectionHandler): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const holder: { connection: Connection | null } = { connection: null };
    const socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: sharedRead((bytes, start, end) => holder.connection?.receive(bytes, start, end)),
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      holder.connection = new Connection(socket, false, context, handler);
      resolve(holder.connection);
    });
  });
}

export function loadContext(): HttpContext {
  return httpContext(() => performance.now(), defaultLimits);
}

export const quietHandler: ConnectionHandler = {
  onRequest() {},
  onCapacity() {},
  onGoaway() {},
  onClosed(_connection, reason) {
    if (reason !== null && reason !== 'closed here') process.stderr.write(`connection closed: ${reason}\n`);
  },
  onFlood(_connection, cause) {
    process.stderr.write(`flood: ${cause}\n`);
  },
};

/** What a slice of a closed loop came to. */
export interface Slice {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
}

/** A closed loop whose connections stay open between its slices, and are silent meanwhile. */
export interface SlicedLoad {
  /** Keeps requests under way for so long, and resolves once the last is answered. */
  run(ms: number): Promise<Slice>;
  close(): void;
}

/** Opens the connections of a closed loop, which asks for nothing until it is run. */
export async function openSlicedLoad(options: LoadOptions): Promise<SlicedLoad> {
  const load = new Load(options);
  await load.open();
  return {
    async run(ms) {
      load.resetCounts();
      const started = performance.now();
      load.begin();
      await sleep(ms);
      await load.quiet();
      return { requests: load.requests, errors: load.errors, seconds: (performance.now() - started) / 1000 };
    },
    close: () => load.end(),
  };
}

/** Runs the load on connections of its own. `onMeasure` is called when the warm-up is over, `onMeasured` at the end. */
export async function runLoad(
  options: LoadOptions,
  onMeasure: () => void,
  onMeasured: () => void,
): Promise<LoadResult> {
  const load = new Load(options);
  await load.open();
  load.begin();
  await sleep(options.warmUpMs);
  load.resetCounts();
  onMeasure();
  const started = performance.now();
  await sleep(options.measureMs);
  const seconds = (performance.now() - started) / 1000;
  const { requests, errors } = load;
  onMeasured();
  load.end();
  return { requests, errors, seconds, latenciesMs: load.latencies() };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class Load implements StreamHandler {
  requests = 0;
  errors = 0;
  readonly #options: LoadOptions;
  readonly #context = loadContext();
  readonly #block = new HeaderBlock();
  readonly #base: Field[];
  readonly #keys: Field[];
  readonly #body: Uint8Array;
  #connections: Connection[] = [];
  #next = 0;
  #running = true;
  #underWay = 0;
  #onQuiet: (() => void) | null = null;
  readonly #started = new Map<Stream, number>();
  #latencies: number[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
    const grpc = options.requestBytes > 0;
    this.#base = [
      field(':method', grpc ? 'POST' : 'GET'),
      field(':scheme', 'http'),
      field(':path', options.path),
      field(':authority', `127.0.0.1:${options.port}`),
      ...(grpc ? [field('content-type', 'application/grpc'), field('te', 'trailers')] : []),
      field('user-agent', 'keyway-bench/1'),
    ];
    // One key recurs and is indexed; of many, each is a literal, as a client that does not index them sends it.
    const make = options.keys === 1 ? field : transientField;
    const texts =
      options.keyTexts ?? Array.from({ length: options.keys }, (_, i) => `project-${i % 100}/document-${i}`);
    this.#keys = texts.map((text) => make('x-shard-key', text));
    this.#body = new Uint8Array(grpc ? options.requestBytes + 5 : 0);
    if (grpc) new DataView(this.#body.buffer).setUint32(1, options.requestBytes);
  }

  async open(): Promise<void> {
    const { connections, port } = this.#options;
    this.#connections = await Promise.all(
      Array.from({ length: connections }, () => openConnection(port, this.#context, quietHandler)),
    );
  }

  begin(): void {
    this.#running = true;
    const { rate, sleeps = false } = this.#options;
    if (rate !== undefined) {
      this.#arrivals(rate, sleeps);
      return;
    }
    for (const connection of this.#connections)
      for (let i = 0; i < this.#options.streams; i++) this.#request(connection);
  }

  /** Starts no further request, and resolves once none is under way. */
  quiet(): Promise<void> {
    this.#running = false;
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet = resolve;
    });
  }

  #arrivals(rate: number, sleeps: boolean): void {
    let due = performance.now();
    const tick = (): void => {
      if (!this.#running) return;
      const now = performance.now();
      while (due <= now) {
        const connection = this.#connections[this.#next % this.#connections.length] as Connection;
        this.#started.set(this.#request(connection), sleeps ? now : due);
        due += (-Math.log(1 - Math.random()) / rate) * 1000;
      }
      if (sleeps) setTimeout(tick, 1);
      else setImmediate(tick);
    };
    tick();
  }

  #request(connection: Connection): Stream {
    const block = this.#block;
    block.set(this.#base);
    block.push(this.#keys[this.#next++ % this.#keys.length] as Field);
    const body = this.#body;
    this.#underWay++;
    const stream = connection.request(block, body.length === 0, this);
    if (body.length > 0) connection.sendData(stream, body, 0, body.length, true);
    return stream;
  }

  #done(stream: Stream): void {
    this.requests++;
    this.#underWay--;
    if (this.#options.rate === undefined) {
      if (this.#running) this.#request(stream.connection as Connection);
      else if (this.#underWay === 0) this.#onQuiet?.();
      return;
    }
    const started = this.#started.get(stream);
    this.#started.delete(stream);
    if (started !== undefined) this.#latencies.push(performance.now() - started);
  }

  onHeaders(stream: Stream, head: MessageHead, _block: HeaderBlock, endStream: boolean): void {
    if (head.status?.text !== '200') this.errors++;
    if (endStream) {
      this.errors++;
      this.#done(stream);
    }
  }

  onTrailers(stream: Stream): void {
    this.#done(stream);
  }

  onData(stream: Stream, _bytes: Uint8Array, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.#done(stream);
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }

  onReset(stream: Stream): void {
    this.errors++;
    this.#done(stream);
  }

  onCredit(): void {}

  resetCounts(): void {
    this.requests = 0;
    this.errors = 0;
    this.#latencies = [];
  }

  latencies(): Float64Array {
    return Float64Array.from(this.#latencies).sort();
  }

  end(): void {
    this.#running = false;
    for (const connection of this.#connections) connection.destroy();
  }
}
