import type { Operation, Sending } from '../keyway/request.ts';
import type { SimulatedRouter } from '../keyway/router.ts';
import { KEYS } from '../keyway/setting.ts';
import type { Serve, SimulatedShard } from '../keyway/shard.ts';
import type { Truth } from './truth.ts';

/** What has to hold. */
export type Rule =
  | 'one owner'
  | 'sent by a lease to the owner'
  | 'sent once'
  | 'versions grow'
  | 'acknowledged stays'
  | 'one holder'
  | 'no planned failure'
  | 'repeated where refused'
  | 'told what is'
  | 'unmoved untouched'
  | 'progress'
  | 'no process ends';

/** How a rule was broken. */
export interface Violation {
  readonly rule: Rule;
  readonly atMs: number;
  readonly what: string;
  /** The key that it is about, for the story. */
  readonly key: string | null;
}

/** A fault excuses whatever fails while it lasts, and for this time afterwards. */
const RECOVERY_MS = 12_000;

interface Turn {
  readonly shard: SimulatedShard;
  readonly version: number;
  readonly atMs: number;
}

/** Judges every serve, sending and answer at the moment at which it happens. */
export class Judge {
  readonly #truth: Truth;
  readonly #nowMs: () => number;
  readonly #faults: Array<{ readonly beginMs: number; endMs: number }> = [];
  /** Of each key, who serves it now. */
  readonly #open = new Map<string, Set<Serve>>();
  readonly #lastTurn = new Map<string, Turn>();
  /** Of each key, the newest version by which it was written. */
  readonly #written = new Map<string, number>();
  /** Of each unit of housekeeping, the newest token by which something was written. */
  readonly #tokens = new Map<string, number>();
  /** Of each key, the revision that every read from now on has to show. */
  readonly #least = new Map<string, number>();
  /** Of each request, how it was sent last. */
  readonly #sent = new WeakMap<object, Sending>();
  /** The last period in which there was no version, or a version became current at once. */
  #gone: { endMs: number } | null = null;
  /** The one that is under way. */
  #failover: { endMs: number } | null = null;
  violation: Violation | null = null;
  serves = 0;
  acknowledged = 0;
  excused = 0;

  constructor(truth: Truth, nowMs: () => number) {
    this.#truth = truth;
    this.#nowMs = nowMs;
  }

  /** Only the first violation counts: others may follow from it. */
  violated(rule: Rule, what: string, key: string | null = null): void {
    this.violation ??= { rule, what, key, atMs: this.#nowMs() };
  }

  // ---- faults --------------------------------------------------------------------------------------------------------

  faultBegins(): { endMs: number } {
    const fault = { beginMs: this.#nowMs(), endMs: Number.POSITIVE_INFINITY };
    this.#faults.push(fault);
    return fault;
  }

  /** Whether something that began then and ends now may have failed for a fault. */
  isExcused(sinceMs: number): boolean {
    return this.#faults.some(({ beginMs, endMs }) => beginMs <= this.#nowMs() && sinceMs <= endMs + RECOVERY_MS);
  }

  // ---- who serves ----------------------------------------------------------------------------------------------------

  onSend(router: SimulatedRouter, sending: Sending, isFencing: boolean): void {
    const { key, kind } = sending.request.operation;
    if (this.#sent.get(sending.request)?.isClosed === false)
      this.violated('sent once', `${router.process.name} sends a ${kind} of ${key} that is under way`, key);
    this.#sent.set(sending.request, sending);
    if (router.process.clock() >= (router.servesUntil[0] as number))
      this.violated('sent by a lease to the owner', `${router.process.name} sends ${key} without a lease`, key);
    if (isFencing || !this.#truth.isStrict || this.#truth.mayServe(key, sending.to)) return;
    this.violated(
      'sent by a lease to the owner',
      `${router.process.name} sends ${key} to ${sending.to.id} by version ${sending.version}, and ${this.#ownerOf(key)} has it`,
      key,
    );
  }

  onNotCut(router: string, key: string, endedForMs: number): void {
    this.violated(
      'sent by a lease to the owner',
      `${router} still waits for an answer about ${key}, and its lease ended ${Math.round(endedForMs)} ms ago`,
      key,
    );
  }

  onServe(serve: Serve): void {
    const { key, shard, version } = serve;
    if (isAbandoned(serve)) return;
    this.serves++;
    const { isStrict } = this.#truth;
    if (isStrict) this.#checkOwner(serve);
    const last = this.#lastTurn.get(key);
    if (isStrict && last !== undefined && last.shard.address !== shard.address && last.version >= version)
      this.violated(
        'versions grow',
        `${shard.id} serves ${key} by version ${version}, after ${last.shard.id} did by version ${last.version}`,
        key,
      );
    if (last === undefined || version >= last.version) this.#lastTurn.set(key, { shard, version, atMs: this.#nowMs() });
    const open = this.#open.get(key) ?? new Set();
    if (isStrict) this.#checkAlone(serve, open);
    open.add(serve);
    this.#open.set(key, open);
  }

  #checkAlone({ key, shard, version }: Serve, open: Iterable<Serve>): void {
    for (const other of open)
      if (other.shard.process !== shard.process && !isAbandoned(other))
        this.violated(
          'one owner',
          `${shard.id} (${shard.process.name}) serves ${key} by version ${version}, while ${other.shard.id} (${other.shard.process.name}) does by version ${other.version}`,
          key,
        );
  }

  /** A version has become current in a strict cluster: from now on each key has its new owner, also for what began before. */
  onStrictVersion(shards: Iterable<SimulatedShard>): void {
    for (const shard of shards) this.#checkWould(shard);
    for (const open of this.#open.values())
      for (const serve of open)
        if (!isAbandoned(serve)) {
          this.#checkOwner(serve);
          this.#checkAlone(serve, open);
        }
  }

  #checkOwner({ key, shard, version }: Serve): void {
    const { current } = this.#truth;
    if (this.#truth.mayServe(key, shard)) return;
    this.violated(
      'one owner',
      `${shard.id} (${shard.process.name}) serves ${key} by version ${version}, while version ${current?.topology.version} has it at ${this.#ownerOf(key)}`,
      key,
    );
  }

  #ownerOf(key: string): string {
    const owner = this.#truth.current?.owners.get(key);
    return owner === undefined ? 'nobody' : `${owner.id} at ${owner.address}`;
  }

  onServed(serve: Serve): void {
    this.#open.get(serve.key)?.delete(serve);
  }

  /** A shard that was stopped goes on, and has done what it does then. */
  onResumed(shard: SimulatedShard): void {
    if (!this.#truth.isStrict) return;
    this.#checkWould(shard);
    for (const open of this.#open.values())
      for (const serve of open) {
        if (serve.shard !== shard || isAbandoned(serve)) continue;
        this.#checkOwner(serve);
        this.#checkAlone(serve, open);
      }
  }

  /** Somebody who has not heard of a version may ask a shard for any key in this moment. */
  #checkWould(shard: SimulatedShard): void {
    for (const key of KEYS)
      if (!this.#truth.mayServe(key, shard) && shard.wouldServe(key))
        this.violated(
          'one owner',
          `${shard.id} (${shard.process.name}) would serve ${key}, while version ${this.#truth.current?.topology.version} has it at ${this.#ownerOf(key)}`,
          key,
        );
  }

  onKilled(shard: SimulatedShard): void {
    for (const open of this.#open.values()) for (const serve of open) if (serve.shard === shard) open.delete(serve);
  }

  onWritten({ key, shard, version }: Serve): void {
    const last = this.#written.get(key) ?? 0;
    if (version < last)
      this.violated('versions grow', `${shard.id} writes ${key} by version ${version}, after a write by ${last}`, key);
    this.#written.set(key, Math.max(last, version));
  }

  onOverwritten({ key, shard }: Serve): void {
    if (!this.#truth.isStrict) return;
    this.violated('one owner', `${shard.id} writes ${key} over what somebody else has written meanwhile`, key);
  }

  onMovedAway(router: SimulatedRouter, operation: Operation, moves: boolean): void {
    if (moves) return;
    const { key } = operation;
    this.violated('unmoved untouched', `${router.process.name} ends a watch of ${key}, which does not move`, key);
  }

  /** As long as a lost shard has keys, what is asked of it may fail. */
  onFailover(isUnderWay: boolean): void {
    if (isUnderWay) this.#failover ??= this.faultBegins();
    else if (this.#failover !== null) {
      this.#failover.endMs = this.#nowMs();
      this.#failover = null;
    }
  }

  /** Versions may begin again below those that were served. */
  onForgotten(): void {
    this.#lastTurn.clear();
  }

  /** A version was current at once, or there is none: whatever fails for that is excused. */
  onUnguarded(isGone: boolean): void {
    if (this.#gone !== null) this.#gone.endMs = this.#nowMs();
    this.#gone = this.faultBegins();
    if (!isGone) this.#gone.endMs = this.#nowMs();
  }

  /** A run of housekeeping has written something. @param holds whether its node holds the unit, as the registry has it now */
  onMaintenance(unit: string, node: string, token: number, holds: boolean): void {
    const last = this.#tokens.get(unit) ?? 0;
    if (token < last)
      this.violated('one holder', `${node} writes for ${unit} by token ${token}, after somebody did by ${last}`);
    if (!holds) this.violated('one holder', `${node} writes for ${unit} by token ${token}, and does not hold it`);
    this.#tokens.set(unit, Math.max(last, token));
  }

  // ---- what clients see ------------------------------------------------------------------------------------------------

  /** The revision that a read has to show that begins now. */
  leastRevisionOf(key: string): number {
    return this.#least.get(key) ?? 0;
  }

  onDone({ key, kind, client }: Operation, revision: number, least: number): void {
    this.acknowledged++;
    if (revision < least)
      this.violated(
        'acknowledged stays',
        `${client}'s ${kind} of ${key} shows revision ${revision}, and ${least} was acknowledged before it began`,
        key,
      );
    this.#least.set(key, Math.max(this.leastRevisionOf(key), revision));
  }

  /** A shard has refused a call because it has lost the key, and the call has failed for that, though its router could have sent it again. */
  onRefusedInVain(router: string, { key, kind }: Operation): void {
    this.violated(
      'repeated where refused',
      `${router} fails a ${kind} of ${key} because its shard has refused it`,
      key,
    );
  }

  /** Whoever has made a change is told that it was refused, and it has begun. */
  onToldOtherwise(change: string, told: string): void {
    this.violated('told what is', `a change (${change}) has begun, and who made it is told: ${told}`);
  }

  onFailed({ key, kind, client }: Operation, reason: string, sinceMs: number): void {
    if (this.isExcused(sinceMs)) this.excused++;
    else this.violated('no planned failure', `${client}'s ${kind} of ${key} fails: ${reason}`, key);
  }
}

/**
 * Of a plain shard nobody asks that it refuses what its router has let go; nor what its router would have cut by now, if it were
 * not stopped: that was with the kernel. A shard that takes part serves nothing while it is stopped, whatever is open; it is judged again when it goes on.
 */
export function isAbandoned({ shard, sending }: Serve): boolean {
  if (shard.isFencing) return shard.process.isStopped;
  const { router } = sending.request;
  return sending.isClosed || router.process.isOver || router.process.clock() >= (router.servesUntil[1] as number);
}
