import { HeaderBlock, type HttpContext } from '../../http/index.ts';
import type { AnswerMessage, PreparedCall } from '../calls/index.ts';
import { type Historian, STILL_OPEN, type WatchStream } from '../check/index.ts';
import type { WatchRecorder } from '../record/index.ts';
import { Exchange, type ExchangeEnd, type Transport, transportTo } from '../transport/index.ts';
import type { LoadPlan } from './plan.ts';
import type { RequestValues } from './request-values.ts';

/** Watches that are opened in one turn: others have theirs in between. */
const OPENED_A_TURN = 200;
/** The longest random time after which a watch that has ended comes back, where the answer does not say how long. */
const REATTACH_MS = 100;
/** An answer that asks for longer asks for too long. */
const LONGEST_PUSHBACK_MS = 60_000;
/** Of a watch that comes with the load, where the plan does not say how long it stays. */
const LIFE_MS = 10_000;

/** Called once for a watch that is opened: it is answered, or it is not. */
export type OnAttached = (end: ExchangeEnd, shard: string) => void;

/** One client's watch, through all the streams that it takes. */
class Watch {
  readonly call: PreparedCall;
  readonly place: number;
  readonly client: number;
  /** Null: for as long as the run lasts. */
  readonly lifeMs: number | null;
  /** Another client comes when this one goes. */
  readonly isStanding: boolean;
  stream: WatchExchange | null = null;
  onAttached: OnAttached | null;
  /** When the stream before has ended; null: it has not. */
  endedMs: number | null = null;
  state: 'without a stream' | 'attaching' | 'open' | 'gone' = 'without a stream';
  revision = 0;
  /** Its life has begun. */
  isAging = false;

  constructor(
    call: PreparedCall,
    place: number,
    client: number,
    life: { readonly lifeMs: number | null; readonly isStanding: boolean },
    onAttached: OnAttached | null,
  ) {
    this.call = call;
    this.place = place;
    this.client = client;
    this.lifeMs = life.lifeMs;
    this.isStanding = life.isStanding;
    this.onAttached = onAttached;
  }
}

/** One stream of a watch. */
class WatchExchange extends Exchange {
  readonly #watches: Watches;
  readonly watch: Watch;
  /** Null: it is not recorded. */
  history: WatchStream | null = null;

  constructor(watches: Watches, watch: Watch, shardHeader: string, wantsMessages: boolean) {
    super(watch.call, shardHeader, wantsMessages);
    this.#watches = watches;
    this.watch = watch;
  }

  override onMessage({ revision }: AnswerMessage): void {
    if (revision === null) return;
    this.watch.revision = Math.max(this.watch.revision, revision);
    this.history?.revisions.push(revision);
  }

  protected onAnswering(): void {
    this.#watches.onAnswering(this);
  }

  protected override onBytes(bytes: number): void {
    this.#watches.onBytes(bytes);
  }

  protected onEnded(end: ExchangeEnd): void {
    this.#watches.onEnded(this, end);
  }
}

/** Holds watches open, and has each come back whenever its stream has ended. */
export class Watches {
  readonly #shardHeader: string;
  readonly #clock: () => number;
  readonly #random: () => number;
  readonly #recorder: WatchRecorder;
  readonly #historian: Historian | null;
  readonly #transport: Transport;
  readonly #values: RequestValues;
  readonly #block = new HeaderBlock();
  #waiting: Watch[] = [];
  #clients = 0;
  #isOver = false;

  constructor(
    { target, http1, watchConnections, shardHeader }: LoadPlan,
    context: HttpContext,
    { clock, random }: { readonly clock: () => number; readonly random: () => number },
    values: RequestValues,
    recorder: WatchRecorder,
    historian: Historian | null,
  ) {
    this.#shardHeader = shardHeader;
    this.#clock = clock;
    this.#random = random;
    this.#values = values;
    this.#recorder = recorder;
    this.#historian = historian;
    this.#transport = transportTo(target, http1, watchConnections, context);
    this.#transport.onRoom = () => this.#openWaiting();
  }

  /** @throws Error where the target cannot be reached */
  connect(): Promise<void> {
    return this.#transport.open();
  }

  /** Opens those of a call that are there from the beginning, each for a key of its own as far as there are. */
  async openStanding(call: PreparedCall): Promise<void> {
    const { open = 0, life } = call.settings.watch ?? {};
    for (let i = 0; i < open && !this.#isOver; i++) {
      this.#begin(call, i % this.#values.keys.size, { lifeMs: life ?? null, isStanding: true }, null);
      if (i % OPENED_A_TURN === OPENED_A_TURN - 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Opens one that comes with the load, and goes. */
  open(call: PreparedCall, place: number, onAttached: OnAttached): void {
    const lifeMs = call.settings.watch?.life ?? LIFE_MS;
    this.#begin(call, place, { lifeMs, isStanding: false }, onAttached);
  }

  sweep(nowMs: number): void {
    this.#transport.sweep(nowMs);
  }

  stop(): void {
    this.#historian?.end(this.#clock());
    this.#isOver = true;
    this.#transport.close();
  }

  onAnswering(exchange: WatchExchange): void {
    const { watch, shard } = exchange;
    const nowMs = this.#clock();
    watch.state = 'open';
    this.#recorder.attaching--;
    this.#recorder.opened(shard, watch.endedMs === null ? null : nowMs - watch.endedMs);
    const isBack = watch.endedMs !== null;
    watch.endedMs = null;
    this.#writeDown(exchange, nowMs, isBack);
    this.#attached(watch, { status: '', isAnswered: true, pushbackMs: 0, isUnprocessed: false }, shard);
    if (watch.lifeMs === null || watch.isAging) return;
    watch.isAging = true;
    setTimeout(() => this.#leave(watch), -Math.log(1 - this.#random()) * watch.lifeMs).unref();
  }

  #writeDown(exchange: WatchExchange, nowMs: number, isBack: boolean): void {
    if (this.#historian === null) return;
    const { watch, shard } = exchange;
    const isResumed = isBack && watch.call.settings.watch?.resumes === true;
    const { client, place } = watch;
    exchange.history = { client, place, shard, openedMs: nowMs, endedMs: STILL_OPEN, isResumed, revisions: [] };
    this.#historian.stream(exchange.history);
  }

  onBytes(bytes: number): void {
    this.#recorder.bytes += bytes;
  }

  onEnded(exchange: WatchExchange, end: ExchangeEnd): void {
    const { watch } = exchange;
    if (this.#isOver || watch.state === 'gone') return;
    const nowMs = this.#clock();
    const wasOpen = watch.state === 'open';
    if (exchange.history !== null) exchange.history.endedMs = nowMs;
    const isError = !end.isAnswered || watch.call.isError(end.status);
    if (!wasOpen) this.#recorder.attaching--;
    if (watch.onAttached !== null) {
      // It came with the load, and could not be opened: that is an error of the load.
      watch.state = 'gone';
      this.#attached(watch, { ...end, isAnswered: end.isAnswered && !isError }, exchange.shard);
      return;
    }
    watch.state = 'without a stream';
    this.#recorder.ended(end.status, wasOpen, watch.endedMs !== null);
    // Its client has received nothing since the first of the streams that failed.
    watch.endedMs ??= nowMs;
    const pushbackMs = Math.min(end.pushbackMs, LONGEST_PUSHBACK_MS);
    setTimeout(() => this.#send(watch), Math.max(pushbackMs, REATTACH_MS * this.#random())).unref();
  }

  #attached(watch: Watch, end: ExchangeEnd, shard: string): void {
    watch.onAttached?.(end, shard);
    watch.onAttached = null;
  }

  /** Its client goes. Where it was one of those that are always there, another comes. */
  #leave(watch: Watch): void {
    if (this.#isOver) return;
    const { stream, state } = watch;
    watch.state = 'gone';
    if (state !== 'without a stream') stream?.cancel();
    if (state === 'attaching') this.#recorder.attaching--;
    if (watch.endedMs !== null) this.#recorder.detached--;
    if (state === 'open') {
      if (stream?.history != null) stream.history.endedMs = this.#clock();
      this.#recorder.closed();
    }
    if (watch.isStanding) this.#begin(watch.call, watch.place, { lifeMs: watch.lifeMs, isStanding: true }, null);
  }

  #begin(
    call: PreparedCall,
    place: number,
    life: { readonly lifeMs: number | null; readonly isStanding: boolean },
    onAttached: OnAttached | null,
  ): void {
    this.#send(new Watch(call, place, this.#clients++, life, onAttached));
  }

  #send(watch: Watch): void {
    if (this.#isOver || watch.state === 'gone') return;
    const connection = this.#transport.pick();
    if (connection === null) {
      this.#waiting.push(watch);
      return;
    }
    const wantsMessages = this.#historian !== null || watch.call.has('revision');
    const exchange = new WatchExchange(this, watch, this.#shardHeader, wantsMessages);
    watch.stream = exchange;
    watch.state = 'attaching';
    this.#recorder.attaching++;
    this.#values.next(watch.place, watch.revision);
    exchange.send(connection, this.#block, this.#values, watch.place);
  }

  #openWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const watch of waiting) this.#send(watch);
  }
}
