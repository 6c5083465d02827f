import type { CoreContext } from '../context.ts';
import type { LeavingRequest } from './leaving-request.ts';

/** A stream that has to leave. */
export interface Leaver {
  readonly request: LeavingRequest;
  /** Those of a key leave in the same turn: clients that share a document lose sight of each other for no longer than they must. */
  readonly key: string;
  /** Its route calls it a watch: asked when it was found, because of ten thousand that takes a while. */
  readonly isWatch: boolean;
  /** For the client: why. */
  readonly reason: string;
  /** Asked again when its turn comes: its shard may have been faster. */
  readonly hasToLeave: () => boolean;
}

/** Those of one change, and when they end: evenly over their window. */
interface Batch {
  readonly leavers: readonly Leaver[];
  readonly beganMs: number;
  readonly lastsMs: number;
  next: number;
}

/** Often enough that of ten thousand streams in a few seconds those of one tick are not felt. */
const TICK_MS = 5;
/** Streams that end in one turn, besides others of the same key: a few milliseconds of work. */
const ENDED_A_TURN = 200;

/**
 * Ends the streams whose keys have moved, some at a time. What is no watch may finish by itself, and has to leave once it has
 * been open for as long as a watch.
 */
export class Drainer {
  readonly #context: CoreContext;
  #batches: Batch[] = [];
  /** Not open for long yet. */
  readonly #young = new Set<Leaver>();
  /** Told to leave, with a message under way. */
  readonly #reluctant = new Map<LeavingRequest, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(context: CoreContext) {
    this.#context = context;
  }

  /** @param sinceMs when their window began; now where it is not given */
  add(leavers: readonly Leaver[], sinceMs?: number): void {
    const nowMs = this.#context.turn.begin();
    const { longLivedAfterMs } = this.#context.drain;
    const watches: Leaver[] = [];
    for (const leaver of leavers) {
      if (leaver.isWatch || leaver.request.ageMs(nowMs) >= longLivedAfterMs) watches.push(leaver);
      else this.#young.add(leaver);
    }
    this.#begin(watches, sinceMs ?? nowMs);
    if (leavers.length > 0) this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #begin(leavers: readonly Leaver[], nowMs: number): void {
    if (leavers.length === 0) return;
    const { windowMs, ratePerSecond } = this.#context.drain;
    const lastsMs = Math.max(windowMs, (leavers.length / ratePerSecond) * 1000);
    this.#batches.push({ leavers: byKey(leavers), beganMs: nowMs, lastsMs, next: 0 });
  }

  /**
   * Ends streams at once, however many they are: a part in this turn, and the others in the next ones. Their clients need not spread when they
   * come back, because requests for their keys wait in this router.
   */
  endNow(leavers: readonly Leaver[]): void {
    this.#endSome(byKey(leavers));
  }

  #endSome(leavers: readonly Leaver[]): void {
    const nowMs = this.#context.turn.begin();
    let next = 0;
    for (; next < leavers.length; next++) {
      const leaver = leavers[next] as Leaver;
      if (next >= ENDED_A_TURN && leaver.key !== leavers[next - 1]?.key) break;
      this.#end(leaver, nowMs, 0);
    }
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    if (next < leavers.length) setImmediate(() => this.#endSome(leavers.slice(next)));
  }

  /** Streams that have yet to leave. */
  get waiting(): number {
    return this.#batches.reduce((sum, { leavers, next }) => sum + leavers.length - next, this.#reluctant.size);
  }

  #tick(): void {
    const nowMs = this.#context.turn.begin();
    this.#growOld(nowMs);
    for (const batch of this.#batches) this.#endDue(batch, nowMs);
    this.#batches = this.#batches.filter(({ leavers, next }) => next < leavers.length);
    for (const [request, untilMs] of this.#reluctant) {
      if (!request.isLeaving) this.#reluctant.delete(request);
      else if (nowMs >= untilMs) request.giveUp();
    }
    if (this.#batches.length > 0 || this.#young.size > 0 || this.#reluctant.size > 0) return;
    this.stop();
  }

  #growOld(nowMs: number): void {
    const old: Leaver[] = [];
    for (const leaver of this.#young) {
      if (!leaver.request.isOpen) this.#young.delete(leaver);
      else if (leaver.request.ageMs(nowMs) >= this.#context.drain.longLivedAfterMs) {
        this.#young.delete(leaver);
        old.push(leaver);
      }
    }
    this.#begin(old, nowMs);
  }

  #endDue(batch: Batch, nowMs: number): void {
    const { leavers, beganMs, lastsMs } = batch;
    const share = lastsMs === 0 ? 1 : Math.min(1, (nowMs - beganMs) / lastsMs);
    const due = Math.ceil(leavers.length * share);
    const { random, drain } = this.#context;
    for (; batch.next < leavers.length; batch.next++) {
      const leaver = leavers[batch.next] as Leaver;
      if (batch.next >= due && leaver.key !== leavers[batch.next - 1]?.key) break;
      this.#end(leaver, nowMs, random() * drain.pushbackMs);
    }
  }

  #end({ request, reason, hasToLeave }: Leaver, nowMs: number, retryAfterMs: number): void {
    if (!request.isOpen || !hasToLeave()) return;
    const { counters, drain } = this.#context;
    const how = request.wayToLeave;
    // A replayed watch counts itself, because a shard may be the one to end it.
    if (how !== 'replay') counters.drained[how]++;
    if (how === 'goaway') request.shutDownConnection(reason);
    request.leave(how, reason, retryAfterMs);
    if (request.isLeaving) this.#reluctant.set(request, nowMs + drain.graceMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** Those of a key one after the other; keys in the order in which their first ones come. */
function byKey(leavers: readonly Leaver[]): readonly Leaver[] {
  return [...Map.groupBy(leavers, ({ key }) => key).values()].flat();
}
