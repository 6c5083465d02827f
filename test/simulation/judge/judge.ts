import type { Operation, Sending } from '../keyway/request.ts';
import type { SimulatedRouter } from '../keyway/router.ts';
import type { Serve, SimulatedShard } from '../keyway/shard.ts';
import type { Truth } from './truth.ts';

/** What has to hold. */
export type Rule =
  | 'one owner'
  | 'sent by a lease to the owner'
  | 'versions grow'
  | 'acknowledged stays'
  | 'no planned failure'
  | 'unmoved untouched'
  | 'progress'
  | 'no process ends';

/** That it did not. */
export interface Violation {
  readonly rule: Rule;
  readonly atMs: number;
  readonly what: string;
  /** The key that it is about, for the story. */
  readonly key: string | null;
}

/** What a fault could excuse: all that goes on while it lasts, and for so long behind it. */
const RECOVERY_MS = 12_000;

interface Turn {
  readonly shard: SimulatedShard;
  readonly version: number;
  readonly atMs: number;
}

/** Looks at every serve, sending and answer in the moment in which it happens. */
export class Judge {
  readonly #truth: Truth;
  readonly #nowMs: () => number;
  readonly #faults: Array<{ readonly beginMs: number; endMs: number }> = [];
  /** Of each key, who serves it now. */
  readonly #open = new Map<string, Set<Serve>>();
  readonly #lastTurn = new Map<string, Turn>();
  /** Of each key, the revision that every read from now on has to show. */
  readonly #least = new Map<string, number>();
  violation: Violation | null = null;
  serves = 0;
  acknowledged = 0;
  excused = 0;

  constructor(truth: Truth, nowMs: () => number) {
    this.#truth = truth;
    this.#nowMs = nowMs;
  }

  /** The first counts: what follows from it says little. */
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
    const { key } = sending.request.operation;
    if (router.process.clock() >= (router.servesUntil[0] as number))
      this.violated('sent by a lease to the owner', `${router.process.name} sends ${key} without a lease`, key);
    if (isFencing || this.#truth.wentBack) return;
    const owner = this.#truth.current?.owners.get(key);
    if (owner?.address !== sending.to.address)
      this.violated(
        'sent by a lease to the owner',
        `${router.process.name} sends ${key} to ${sending.to.id} by version ${sending.version}, and ${owner?.id} has it`,
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
    this.#checkOwner(serve);
    const last = this.#lastTurn.get(key);
    if (last !== undefined && last.shard.address !== shard.address && last.version >= version)
      this.violated(
        'versions grow',
        `${shard.id} serves ${key} by version ${version}, after ${last.shard.id} did by version ${last.version}`,
        key,
      );
    if (last === undefined || version >= last.version) this.#lastTurn.set(key, { shard, version, atMs: this.#nowMs() });
    const open = this.#open.get(key) ?? new Set();
    for (const other of open)
      if (other.shard.process !== shard.process && !isAbandoned(other))
        this.violated(
          'one owner',
          `${shard.id} (${shard.process.name}) serves ${key} by version ${version}, while ${other.shard.id} (${other.shard.process.name}) does by version ${other.version}`,
          key,
        );
    open.add(serve);
    this.#open.set(key, open);
  }

  #checkOwner({ key, shard, version }: Serve): void {
    const { current, wentBack } = this.#truth;
    if (wentBack) return;
    const owner = current?.owners.get(key);
    if (owner?.address === shard.address && owner.id === shard.id) return;
    this.violated(
      'one owner',
      `${shard.id} (${shard.process.name}) serves ${key} by version ${version}, while version ${current?.topology.version} has it at ${owner?.id}`,
      key,
    );
  }

  onServed(serve: Serve): void {
    this.#open.get(serve.key)?.delete(serve);
  }

  onKilled(shard: SimulatedShard): void {
    for (const open of this.#open.values()) for (const serve of open) if (serve.shard === shard) open.delete(serve);
  }

  onOverwritten({ key, shard }: Serve): void {
    this.violated('one owner', `${shard.id} writes ${key} over what somebody else has written meanwhile`, key);
  }

  onLeaves(router: SimulatedRouter, operation: Operation, moves: boolean): void {
    if (moves) return;
    const { key } = operation;
    this.violated('unmoved untouched', `${router.process.name} ends a watch of ${key}, which does not move`, key);
  }

  // ---- what clients see ------------------------------------------------------------------------------------------------

  /** What a read that begins now has to show at least. */
  leastOf(key: string): number {
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
    this.#least.set(key, Math.max(this.leastOf(key), revision));
  }

  onFailed({ key, kind, client }: Operation, reason: string, sinceMs: number): void {
    if (this.isExcused(sinceMs)) this.excused++;
    else this.violated('no planned failure', `${client}'s ${kind} of ${key} fails: ${reason}`, key);
  }
}

/**
 * Of a plain shard nobody asks that it refuses what its router has let go; nor what its router would have cut by now, if it were
 * not stopped: that was with the kernel.
 */
export function isAbandoned({ shard, sending }: Serve): boolean {
  if (shard.isFencing) return false;
  const { router } = sending.request;
  return sending.isClosed || router.process.isOver || router.process.clock() >= (router.servesUntil[1] as number);
}
