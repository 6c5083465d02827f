import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultLimits, HeaderBlock, httpContext, type RequestConnection } from '../../http/index.ts';
import type { PreparedCall } from '../calls/index.ts';
import { type CheckReport, check, Historian } from '../check/index.ts';
import { Recorder, WatchRecorder } from '../record/index.ts';
import { type ExchangeEnd, type Transport, transportTo } from '../transport/index.ts';
import { Arrivals, highestRate, type Rate, type Spread } from './arrivals.ts';
import { keyPicker } from './keys.ts';
import { Mix } from './mix.ts';
import type { LoadPlan, LoadSurroundings } from './plan.ts';
import { Request, type RequestOwner } from './request.ts';
import { RequestValues } from './request-values.ts';
import { Watches } from './watches.ts';

const SWEEP_MS = 1000;
/** The longest sleep between looks at what has taken too long. */
const TIMEOUT_TICK_MS = 50;
/** Timers are a millisecond late: what is due sooner is waited for awake. */
const AWAKE_MS = 2;
/** Of a rate that has become nothing. */
const LONGEST_SLEEP_MS = 1000;
/** Watches may receive what was answered last this much later, and have to be judged by it. */
const SETTLE_MS = 2000;

/** No clock says so. */
const NOT_BEGUN = -1;

/** A request to send. */
interface Due {
  readonly call: number;
  readonly place: number;
  readonly dueMs: number;
  /** It was sent before, and the other side did not begin with it. */
  readonly isRetry: boolean;
}

/** One run of a load. */
export class LoadRun implements RequestOwner {
  readonly recorder: Recorder;
  readonly watches = new WatchRecorder();
  readonly #historian: Historian | null;
  readonly #watching: Watches | null;
  readonly #plan: LoadPlan;
  readonly #surroundings: LoadSurroundings;
  readonly #transport: Transport;
  readonly #pickKey: () => number;
  readonly #mix: Mix;
  readonly #block = new HeaderBlock();
  readonly #values: RequestValues;
  /** In the order in which they were sent, which is that of their ends by time. */
  readonly #inFlight = new Set<Request>();
  /** For room. */
  readonly #waiting: Due[] = [];
  #beganMs = NOT_BEGUN;
  #isSending = false;
  #onIdle: () => void = () => {};

  constructor(plan: LoadPlan, surroundings: LoadSurroundings) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    const { target, connections, calls, keys, distribution, checks } = plan;
    const { clock, random } = surroundings;
    const context = httpContext(clock, defaultLimits);
    this.recorder = new Recorder(
      calls.map(({ name }) => name),
      plan.pauseMs,
    );
    this.#mix = new Mix(calls, plan.weights, random);
    this.#values = new RequestValues(keys, plan.lines);
    this.#historian = checks ? new Historian() : null;
    this.#transport = transportTo(target, plan.http1, connections, context);
    this.#transport.onRoom = () => this.#sendWaiting();
    this.#pickKey = keyPicker(distribution, keys.size, random);
    this.#watching = calls.some(({ settings }) => settings.watch !== undefined)
      ? new Watches(plan, context, surroundings, this.#values, this.watches, this.#historian)
      : null;
  }

  /** Since the counting has begun, ms; less than 0 before. */
  get nowMs(): number {
    if (this.#beganMs === NOT_BEGUN) return -1;
    return this.#surroundings.clock() - this.#beganMs - this.#plan.warmUpMs;
  }

  /** Runs to its end, or until `signal` is aborted. @returns how long was counted, ms. @throws Error where there is no connection */
  async run(signal: AbortSignal): Promise<number> {
    const { clock } = this.#surroundings;
    try {
      await this.#transport.open();
      await this.#watching?.connect();
      // They are open before the load comes, as those of clients are.
      for (const call of this.#plan.calls) await this.#watching?.openStanding(call);
      this.#beganMs = clock();
      return await this.#runLoad(signal);
    } finally {
      // What is cut off now, by a user who did not want to wait, says nothing about the target.
      this.#inFlight.clear();
      this.#watching?.stop();
      this.#transport.close();
    }
  }

  async #runLoad(signal: AbortSignal): Promise<number> {
    const { durationMs, warmUpMs, timeoutMs } = this.#plan;
    let seconds: NodeJS.Timeout | undefined;
    const counted = setTimeout(() => {
      seconds = setInterval(() => this.#endSecond(), 1000);
      this.#surroundings.onCounting();
    }, warmUpMs);
    const timeouts = setInterval(() => this.#endLate(), TIMEOUT_TICK_MS);
    const sweeps = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#beginLoad();
    await sleep(warmUpMs + durationMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await Promise.race([this.#surroundings.mayEnd(), once(signal, 'abort')]);
    this.#isSending = false;
    const countedMs = Math.max(0, this.nowMs);
    clearTimeout(counted);
    clearInterval(seconds);
    // What is under way is waited for: it counts.
    if (!signal.aborted) await this.#idle(timeoutMs + TIMEOUT_TICK_MS);
    clearInterval(timeouts);
    if (this.recorder.seconds.length * 1000 < countedMs - 500) this.#endSecond();
    if (this.#historian !== null && this.#watching !== null)
      await sleep(SETTLE_MS, undefined, { signal }).catch(() => {});
    clearInterval(sweeps);
    return countedMs;
  }

  /** What clients saw, judged; null where it was not recorded. */
  get check(): CheckReport | null {
    const historian = this.#historian;
    if (historian === null) return null;
    const zeroMs = this.#beganMs + this.#plan.warmUpMs;
    return check(historian, { nameOf: (place) => this.#plan.keys.at(place).key, zeroMs });
  }

  #sweep(): void {
    const nowMs = this.#surroundings.clock();
    this.#transport.sweep(nowMs);
    this.#watching?.sweep(nowMs);
  }

  #endSecond(): void {
    this.#surroundings.onSecond(this.recorder.endSecond(this.watches.open));
  }

  #beginLoad(): void {
    const { pattern } = this.#plan;
    if (this.#mix.isEmpty || (pattern.kind === 'open' && highestRate(pattern.rate) === 0)) return;
    this.#isSending = true;
    if (pattern.kind === 'open') this.#arrive(pattern.rate, pattern.spread);
    else for (let i = 0; i < pattern.users; i++) this.#begin(this.#surroundings.clock());
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
    const call = this.#mix.pick();
    const due: Due = { call, place: this.#pickKey(), dueMs, isRetry: false };
    const { maxInFlight, calls } = this.#plan;
    const isWatch = calls[call]?.settings.watch !== undefined;
    const underWay = isWatch ? this.watches.attaching : this.#inFlight.size + this.#waiting.length;
    if (underWay >= maxInFlight) this.#count(due, `not sent: ${maxInFlight} are in flight`, true, null, '');
    else if (isWatch) this.#openWatch(due);
    else this.#sendOrWait(due);
  }

  #sendOrWait(due: Due): void {
    const connection = this.#transport.pick();
    if (connection === null) this.#waiting.push(due);
    else this.#send(due, connection);
  }

  #openWatch(due: Due): void {
    const { call, place, dueMs } = due;
    this.#watching?.open(this.#plan.calls[call] as PreparedCall, place, ({ status, isAnswered }, shard) => {
      const latencyMs = this.#surroundings.clock() - dueMs;
      this.#count(due, isAnswered ? 'attached' : status, !isAnswered, latencyMs, shard);
      this.#beginNext(!isAnswered);
    });
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#transport.pick();
      if (connection === null) return;
      this.#send(this.#waiting.shift() as Due, connection);
    }
  }

  #send(due: Due, connection: RequestConnection): void {
    const { calls, shardHeader, checks } = this.#plan;
    const { call, place } = due;
    const times = { dueMs: due.dueMs, sentMs: this.#surroundings.clock(), isRetry: due.isRetry };
    const request = new Request(this, calls[call] as PreparedCall, call, place, times, shardHeader, checks);
    this.#values.next(place, 0);
    this.#inFlight.add(request);
    request.send(connection, this.#block, this.#values, place);
  }

  onRequestEnded(request: Request, end: ExchangeEnd): void {
    const { index: call, place, dueMs } = request;
    // As gRPC's clients do, once: a server that goes away in order costs no client a call.
    if (end.isUnprocessed && !request.isRetry && this.#inFlight.delete(request)) {
      this.#sendOrWait({ call, place, dueMs, isRetry: true });
      return;
    }
    const isError = !end.isAnswered || request.call.isError(end.status);
    // A shard that refuses has not served.
    if (!isError) this.#writeDown(request);
    this.#over(request, end.status, isError);
  }

  #writeDown({ place, shard, sentMs, revision, call }: Request): void {
    if (this.#historian === null || shard === '') return;
    const { writes } = call.settings;
    this.#historian.operation({
      place,
      shard,
      beginMs: sentMs,
      endMs: this.#surroundings.clock(),
      revision,
      writes,
    });
  }

  #over(request: Request, status: string, isError: boolean): void {
    if (!this.#inFlight.delete(request)) return;
    const { index, dueMs, place, shard } = request;
    this.#count({ call: index, dueMs, place }, status, isError, this.#surroundings.clock() - dueMs, shard);
    this.#beginNext(isError);
    this.#reportIdle();
  }

  /** A user who is answered asks again. */
  #beginNext(isError: boolean): void {
    if (this.#plan.pattern.kind !== 'closed' || !this.#isSending) return;
    // A refusal at once must not become a loop that lets nothing else have its turn.
    if (isError) setTimeout(() => this.#isSending && this.#begin(this.#surroundings.clock()), 1);
    else this.#begin(this.#surroundings.clock());
  }

  #count(
    { call, dueMs, place }: Pick<Due, 'call' | 'dueMs' | 'place'>,
    status: string,
    isError: boolean,
    latencyMs: number | null,
    shard: string,
  ): void {
    const countedMs = dueMs - this.#beganMs - this.#plan.warmUpMs;
    if (countedMs >= 0) this.recorder.record({ call, place, dueMs: countedMs, latencyMs, status, isError, shard });
  }

  /** Ends what has taken too long, counted from when it should have been sent. */
  #endLate(): void {
    const nowMs = this.#surroundings.clock();
    const { timeoutMs } = this.#plan;
    for (const request of this.#inFlight) {
      if (nowMs - request.dueMs < timeoutMs) break;
      request.cancel();
      this.#over(request, 'timeout', true);
    }
    while (this.#waiting.length > 0 && nowMs - (this.#waiting[0] as Due).dueMs >= timeoutMs) {
      const due = this.#waiting.shift() as Due;
      const why = this.#transport.lastFailure;
      const status = why === '' ? 'timeout: no room for a request' : `no connection: ${why}`;
      this.#count(due, status, true, nowMs - due.dueMs, '');
      this.#beginNext(true);
      this.#reportIdle();
    }
  }

  #reportIdle(): void {
    if (this.#inFlight.size === 0 && this.#waiting.length === 0) this.#onIdle();
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
