import { connect as connectHttp2 } from 'node:http2';
import { openRawSocket, type SocketTarget } from '../../io/index.ts';
import { addressText } from '../../runtime/address.ts';
import { jitter } from '../../runtime/jitter.ts';
import type { Check } from './check.ts';

/** How a shard is asked whether it is well. Plain data. */
export interface ActiveHealthDescription {
  readonly check:
    | { readonly grpc: { readonly service: string } }
    | { readonly http: { readonly path: string } }
    | { readonly tcp: Record<string, never> };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make it unhealthy, and successes that make it healthy again. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

/** Checks are spread by this share of their interval, so that many routers do not ask all at once. */
const INTERVAL_JITTER = 0.2;

/** Asks a shard whether it is well, again and again. */
export class HealthChecker {
  readonly #description: ActiveHealthDescription;
  readonly #check: Check;
  readonly #random: () => number;
  readonly #onVerdict: (fault: string | null) => void;
  #timer: NodeJS.Timeout;
  #failures = 0;
  #successes = 0;
  #stopped = false;

  /** @param protocol what the shard speaks: checks by HTTP are made by HTTP/1.1 unless that is `http2` */
  constructor(
    endpoint: SocketTarget,
    protocol: string,
    description: ActiveHealthDescription,
    random: () => number,
    onVerdict: (fault: string | null) => void,
  ) {
    this.#description = description;
    this.#random = random;
    this.#onVerdict = onVerdict;
    this.#check = checkOf(description, endpoint, protocol);
    this.#timer = setTimeout(this.#run, random() * description.intervalMs * INTERVAL_JITTER);
    this.#timer.unref();
  }

  readonly #run = (): void => {
    const { timeoutMs, intervalMs } = this.#description;
    this.#check(timeoutMs)
      .then(
        () => this.#onSuccess(),
        (error: unknown) => this.#onFailure(error instanceof Error ? error.message : String(error)),
      )
      .finally(() => {
        if (this.#stopped) return;
        this.#timer = setTimeout(this.#run, intervalMs * jitter(INTERVAL_JITTER, this.#random));
        this.#timer.unref();
      });
  };

  #onSuccess(): void {
    this.#failures = 0;
    if (++this.#successes === this.#description.healthyAfter && !this.#stopped) this.#onVerdict(null);
  }

  #onFailure(message: string): void {
    this.#successes = 0;
    if (++this.#failures === this.#description.unhealthyAfter && !this.#stopped)
      this.#onVerdict(`its health check fails: ${message}`);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

function checkOf({ check }: ActiveHealthDescription, endpoint: SocketTarget, protocol: string): Check {
  if ('tcp' in check) return (timeoutMs) => connects(endpoint, timeoutMs);
  if ('grpc' in check) {
    const { service } = check.grpc;
    return loaded(async () => (await import('./grpc-check.ts')).grpcCheck(endpoint, service));
  }
  const { path } = check.http;
  if (protocol === 'http2') return (timeoutMs) => http2Status(endpoint, path, timeoutMs).then(wantSuccess);
  return loaded(async () => {
    const { http1Status } = await import('./http1-check.ts');
    return (timeoutMs) => http1Status(endpoint, path, timeoutMs).then(wantSuccess);
  });
}

/** A check whose library is many files: it is loaded where it is wanted alone, and from now on, before requests are there to wait for that. */
function loaded(load: () => Promise<Check>): Check {
  const check = load();
  return async (timeoutMs) => (await check)(timeoutMs);
}

function connects(endpoint: SocketTarget, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    openRawSocket(endpoint, [], timeoutMs, (error, socket) => {
      socket.on('error', () => {});
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function wantSuccess(status: number): void {
  if (status < 200 || status > 299) throw new Error(`status ${status}`);
}

function http2Status({ target, certificates }: SocketTarget, path: string, timeoutMs: number): Promise<number> {
  const scheme = certificates === null ? 'http' : 'https';
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`${scheme}://${addressText(target)}`, { ...certificates?.options() });
    const settle = (error: Error | null, status: number): void => {
      clearTimeout(timer);
      session.destroy();
      if (error === null) resolve(status);
      else reject(error);
    };
    const timer = setTimeout(() => settle(new Error(`no answer within ${timeoutMs} ms`), 0), timeoutMs);
    session.on('error', (error: Error) => settle(error, 0));
    const stream = session.request({ ':path': path });
    stream.on('error', (error) => settle(error, 0));
    stream.on('response', (headers) => settle(null, Number(headers[':status'])));
    stream.end();
  });
}
