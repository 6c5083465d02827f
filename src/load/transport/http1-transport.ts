import { buildConnector, Pool } from 'undici';
import { Http1Call, type UndiciCallOwner } from '../../http1/index.ts';
import type {
  HeaderBlock,
  Http2Context,
  RequestConnection,
  Stream,
  StreamConnection,
  StreamHandler,
} from '../../http2/index.ts';
import { openSocket, tlsOptions } from './open-socket.ts';
import type { Target, Transport } from './transport.ts';

/** HTTP/1.1 by undici: so many connections, a request at a time on each, shown as streams. */
export class Http1Transport implements Transport, RequestConnection, UndiciCallOwner {
  readonly http2: Http2Context;
  readonly dispatcher: Pool;
  readonly #target: Target;
  readonly #count: number;
  readonly #calls = new Set<StreamConnection>();
  onRoom: () => void = () => {};
  lastFailure = '';

  constructor(target: Target, count: number, context: Http2Context) {
    this.http2 = context;
    this.#target = target;
    this.#count = count;
    const { host, port, tls } = target;
    this.dispatcher = new Pool(
      `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
      {
        connections: count,
        // The run's own timeouts count, and a watch may be silent for long.
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
        connect: buildConnector({ ...tlsOptions(target), allowH2: false, timeout: CONNECT_TIMEOUT_MS }),
      },
    );
  }

  async open(): Promise<void> {
    // undici connects when it has something to send: whether anybody is there is to be known before.
    (await openSocket(this.#target, 'http/1.1', () => {})).destroy();
  }

  pick(): RequestConnection | null {
    return this.#calls.size < this.#count ? this : null;
  }

  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const call = new Http1Call(this, block, endStream, handler);
    this.#calls.add(call);
    return call.stream;
  }

  sweep(): void {}

  onReached(): void {}

  onCallEnded(call: StreamConnection): void {
    this.#calls.delete(call);
    this.onRoom();
  }

  onConnectFailed(reason: string): void {
    this.lastFailure = reason;
  }

  close(): void {
    // What is under way is told by its call; nobody waits for the rest.
    this.dispatcher.destroy().catch(() => {});
  }
}

const CONNECT_TIMEOUT_MS = 10_000;
