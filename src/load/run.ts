import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Connection,
  defaultLimits,
  ErrorCode,
  HeaderBlock,
  http2Context,
  type MessageHead,
  ResetCause,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import { Arrivals, type Rate, type Spread } from './arrivals.ts';
import type { PreparedCall } from './call.ts';
import { Connections, type Target } from './connections.ts';
import { type KeyDistribution, type KeySpace, keyPicker } from './keys.ts';
import { Recorder, type Second } from './recorder.ts';

/** How requests come. */
export type Pattern =
  /** At a rate, whatever becomes of those before. */
  | { readonly kind: 'open'; readonly rate: Rate; readonly spread: Spread }
  /** So many users, each of whom waits for an answer before it asks again. */
  | { readonly kind: 'closed'; readonly users: number };

/** A run, as it is to be. */
export interface LoadPlan {
  readonly target: Target;
  readonly connections: number;
  readonly call: PreparedCall;
  readonly keys: KeySpace;
  readonly distribution: KeyDistribution;
  readonly pattern: Pattern;
  readonly durationMs: number;
  /** Before it, what comes is not counted. */
  readonly warmUpMs: number;
  readonly timeoutMs: number;
  /** The header of an answer that names who gave it. */
  readonly shardHeader: string;
  /** More than so many are not sent while none of them is answered. */
  readonly mostInFlight: number;
}

export interface LoadSurroundings {
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly onSecond: (second: Second) => void;
}

/** The longest sleep between looks at what has taken too long. */
const TIMEOUT_TICK_MS = 50;
/** Timers are a millisecond late: what is due sooner is waited for awake. */
const AWAKE_MS = 2;
/** Of a rate that has become nothing. */
const LONGEST_SLEEP_MS = 1000;

/** A request under way. */
class Call implements StreamHandler {
  readonly dueMs: number;
  readonly #run: LoadRun;
  stream: Stream | null = null;
  #http = '';
  #grpc: number | null = null;
  shard = '';

  constructor(run: LoadRun, dueMs: number) {
    this.#run = run;
    this.dueMs = dueMs;
  }

  onHeaders(_stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void {
    const status = head.status?.text ?? '';
    if (status.startsWith('1')) return;
    this.#http = status;
    this.#grpc = head.grpcStatus?.integer ?? null;
    const { shardHeader } = this.#run;
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i];
      if (field?.name.text === shardHeader) this.shard = field.text;
    }
    if (endStream) this.#end();
  }

  onTrailers(_stream: Stream, head: MessageHead): void {
    this.#grpc = head.grpcStatus?.integer ?? null;
    this.#end();
  }

  onData(stream: Stream, _bytes: Uint8Array, _start: number, _end: number, endStream: boolean): void {
    if (endStream) this.#end();
    else stream.connection.grant(stream, Number.POSITIVE_INFINITY);
  }

  onReset(_stream: Stream, code: number, cause: ResetCause): void {
    this.#run.onFailure(this, resetText(code, cause));
  }

  onCredit(): void {}

  #end(): void {
    this.#run.onAnswer(this, this.#http, this.#grpc);
  }
}

const CODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ErrorCode).map(([name, code]) => [code, name]));

function resetText(code: number, cause: ResetCause): string {
  if (cause === ResetCause.ConnectionLost) return 'connection lost';
  if (cause === ResetCause.Violation) return 'the answer breaks HTTP/2';
  return `reset: ${CODE_NAMES.get(code) ?? code}`;
}

/** One run of a load. */
export class LoadRun {
  readonly recorder = new Recorder();
  readonly #plan: LoadPlan;
  readonly #surroundings: LoadSurroundings;
  readonly #connections: Connections;
  readonly #pickKey: () => number;
  readonly #block = new HeaderBlock();
  readonly shardHeader: string;
  /** In the order in which they were sent, which is that of their ends by time. */
  readonly #inFlight = new Set<Call>();
  readonly #waiting: Call[] = [];
  #seq = 0;
  #beganMs = 0;
  #isSending = false;
  #onIdle: () => void = () => {};

  constructor(plan: LoadPlan, surroundings: LoadSurroundings) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.shardHeader = plan.shardHeader.toLowerCase();
    const context = http2Context(surroundings.clock, defaultLimits);
    this.#connections = new Connections(plan.target, plan.connections, context);
    this.#connections.onRoom = () => this.#sendWaiting();
    this.#pickKey = keyPicker(plan.distribution, plan.keys.size, surroundings.random);
  }

  /** Runs to its end, or until `signal` is aborted. @returns how long was counted, ms. @throws Error where there is no connection */
  async run(signal: AbortSignal): Promise<number> {
    const { durationMs, warmUpMs, timeoutMs, pattern } = this.#plan;
    const { clock, onSecond } = this.#surroundings;
    await this.#connections.open();
    this.#beganMs = clock();
    this.#isSending = true;
    let seconds: NodeJS.Timeout | undefined;
    const counted = setTimeout(() => {
      seconds = setInterval(() => onSecond(this.recorder.endSecond()), 1000);
    }, warmUpMs);
    const timeouts = setInterval(() => this.#endLate(), TIMEOUT_TICK_MS);
    if (pattern.kind === 'open') this.#arrive(pattern.rate, pattern.spread);
    else for (let i = 0; i < pattern.users; i++) this.#begin(clock());
    await sleep(warmUpMs + durationMs, undefined, { signal }).catch(() => {});
    this.#isSending = false;
    const countedMs = Math.max(0, clock() - this.#beganMs - warmUpMs);
    clearTimeout(counted);
    clearInterval(seconds);
    // What is under way is waited for: it counts.
    if (!signal.aborted) await this.#idle(timeoutMs + TIMEOUT_TICK_MS);
    clearInterval(timeouts);
    if (this.recorder.seconds.length * 1000 < countedMs - 500) onSecond(this.recorder.endSecond());
    this.#connections.close();
    return countedMs;
  }

  #arrive(rate: Rate, spread: Spread): void {
    const { clock, random } = this.#surroundings;
    const arrivals = new Arrivals(rate, spread, this.#plan.warmUpMs + this.#plan.durationMs, random);
    const tick = (): void => {
      if (!this.#isSending) return;
      const nowMs = clock() - this.#beganMs;
      while (arrivals.nextMs <= nowMs) this.#begin(this.#beganMs + arrivals.take());
      const inMs = arrivals.nextMs - nowMs;
      if (inMs > AWAKE_MS) setTimeout(tick, Math.min(LONGEST_SLEEP_MS, inMs - AWAKE_MS + 1));
      else setImmediate(tick);
    };
    tick();
  }

  #begin(dueMs: number): void {
    const call = new Call(this, dueMs);
    if (this.#inFlight.size + this.#waiting.length >= this.#plan.mostInFlight) {
      this.#count(call, `not sent: ${this.#plan.mostInFlight} are under way`, true, null);
      return;
    }
    const connection = this.#connections.pick();
    if (connection === null) this.#waiting.push(call);
    else this.#send(call, connection);
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#connections.pick();
      if (connection === null) return;
      this.#send(this.#waiting.shift() as Call, connection);
    }
  }

  #send(call: Call, connection: Connection): void {
    const { keys, call: prepared } = this.#plan;
    const values = { ...keys.at(this.#pickKey()), seq: this.#seq++ };
    prepared.write(this.#block, values);
    const body = prepared.body(values);
    this.#inFlight.add(call);
    call.stream = connection.request(this.#block, body === null, call);
    if (body !== null) connection.sendData(call.stream, body, 0, body.length, true);
  }

  onAnswer(call: Call, http: string, grpc: number | null): void {
    const { status, isError } = this.#plan.call.statusOf(http, grpc);
    this.#over(call, status, isError);
  }

  onFailure(call: Call, status: string): void {
    this.#over(call, status, true);
  }

  #over(call: Call, status: string, isError: boolean): void {
    if (!this.#inFlight.delete(call)) return;
    this.#count(call, status, isError, this.#surroundings.clock() - call.dueMs);
    if (this.#plan.pattern.kind === 'closed' && this.#isSending) {
      // A refusal at once must not become a loop that lets nothing else have its turn.
      if (isError) setTimeout(() => this.#isSending && this.#begin(this.#surroundings.clock()), 1);
      else this.#begin(this.#surroundings.clock());
    }
    if (this.#inFlight.size === 0 && this.#waiting.length === 0) this.#onIdle();
  }

  #count(call: Call, status: string, isError: boolean, latencyMs: number | null): void {
    if (call.dueMs - this.#beganMs < this.#plan.warmUpMs) return;
    this.recorder.record({ latencyMs, status, isError, shard: call.shard });
  }

  /** Ends what has taken too long, from when it was meant to be sent. */
  #endLate(): void {
    const nowMs = this.#surroundings.clock();
    const { timeoutMs } = this.#plan;
    for (const call of this.#inFlight) {
      if (nowMs - call.dueMs < timeoutMs) break;
      call.stream?.connection.reset(call.stream, ErrorCode.Cancel);
      this.#over(call, 'timeout', true);
    }
    while (this.#waiting.length > 0 && nowMs - (this.#waiting[0] as Call).dueMs >= timeoutMs) {
      const call = this.#waiting.shift() as Call;
      const why = this.#connections.lastFailure;
      this.#inFlight.add(call);
      this.#over(call, why === '' ? 'timeout: no room for a stream' : `no connection: ${why}`, true);
    }
  }

  #idle(mostMs: number): Promise<void> {
    if (this.#inFlight.size === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, mostMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
