import { connect as connectHttp2 } from 'node:http2';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Pool } from 'undici';
import { addressText } from '../../topology/index.ts';
import { jitter } from '../jitter.ts';
import { openRawSocket, undiciConnector } from './open-socket.ts';
import type { SocketTarget } from './pool.ts';

/** How a shard is asked whether it is well. Plain data. */
export interface ActiveHealthDescription {
  readonly check:
    | { readonly grpc: { readonly service: string } }
    | { readonly http: { readonly path: string } }
    | { readonly tcp: Record<string, never> };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make it sick, and successes that make it well again. */
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

/** Checks are spread by this share of their interval, so that many routers do not ask all at once. */
const INTERVAL_JITTER = 0.2;

/** Asks once. @throws an Error that says what is wrong */
type Check = (timeoutMs: number) => Promise<void>;

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

  /** @param protocol what the shard speaks, for checks by HTTP */
  constructor(
    endpoint: SocketTarget,
    protocol: 'http2' | 'http1' | 'auto',
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

function checkOf(
  { check }: ActiveHealthDescription,
  endpoint: SocketTarget,
  protocol: 'http2' | 'http1' | 'auto',
): Check {
  if ('tcp' in check) return (timeoutMs) => connects(endpoint, timeoutMs);
  if ('grpc' in check) return grpcCheck(endpoint, check.grpc.service);
  const { path } = check.http;
  if (protocol === 'http2') return (timeoutMs) => http2Status(endpoint, path, timeoutMs).then(wantSuccess);
  return http1Check(endpoint, path);
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

/** The answer's one field, an enum. */
const STATUS_TAG = 0x08;
const SERVING = 1;
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** gRPC's health protocol (grpc/grpc doc/health-checking.md); its messages are one field each. */
function grpcCheck(endpoint: SocketTarget, service: string): Check {
  const { target, certificates } = endpoint;
  const options = certificates?.options();
  const channel =
    options === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(options.ca ?? null, options.key ?? null, options.cert ?? null);
  const client = new Client(addressText(target), channel, {
    ...(options?.servername === undefined ? {} : { 'grpc.ssl_target_name_override': options.servername }),
    // The interval is the back-off.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  });
  const name = Buffer.from(service, 'utf8');
  const message = service === '' ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return (timeoutMs) =>
    new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        message,
        new Metadata(),
        (error, answer) => {
          clearTimeout(timer);
          const status = answer?.[0] === STATUS_TAG ? (answer[1] ?? 0) : 0;
          if (timedOut) reject(new Error(`no answer within ${timeoutMs} ms`));
          else if (error !== null) reject(new Error(error.details));
          else if (status === SERVING) resolve();
          else reject(new Error(STATUS_NAMES[status] ?? `status ${status}`));
        },
      );
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        call.cancel();
      }, timeoutMs);
    });
}

function wantSuccess(status: number): void {
  if (status < 200 || status > 299) throw new Error(`status ${status}`);
}

function http1Check(endpoint: SocketTarget, path: string): Check {
  return async (timeoutMs) => {
    // A connection of its own each time: one that is kept would say nothing of new ones.
    const pool = new Pool('http://shard', {
      connections: 1,
      connect: undiciConnector(endpoint, timeoutMs),
    });
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const { statusCode } = await pool.request({ path, method: 'GET', signal });
      wantSuccess(statusCode);
    } finally {
      pool.destroy().catch(() => {});
    }
  };
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
