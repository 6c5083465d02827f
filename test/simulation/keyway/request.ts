import type { MoveWay } from '../../../src/proxy/core/drain/leaving-request.ts';
import type { GatedRequest } from '../../../src/proxy/core/gate/gated-request.ts';
import type { Owners } from '../../../src/proxy/core/gate/owners.ts';
import type { Refusal } from '../../../src/proxy/core/refusal.ts';
import { RetryWait, retryWaitMs } from '../../../src/proxy/core/retries.ts';
import type { WaitingPlace } from '../../../src/proxy/core/waiting-place.ts';
import type { ShardPlace } from '../../../src/topology/index.ts';
import type { SimulatedOwners } from './owners.ts';
import type { SimulatedRouter } from './router.ts';

/** What a client asks for. */
export interface Operation {
  readonly id: number;
  readonly kind: 'put' | 'get' | 'watch';
  readonly key: string;
  /** What it puts. */
  readonly value: number;
  /** Its route repeats also what may have been carried out. */
  readonly repeats: boolean;
  /** It is too long to be kept: once sent, it cannot be sent again. */
  readonly isLong: boolean;
  /** How long its shard takes for it; 0: not long. */
  readonly lastsMs: number;
  readonly client: string;
}

/** What comes of it. */
export type Answer =
  | { readonly kind: 'done'; readonly revision: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** What a shard says to a router. */
export type ShardAnswer =
  | Extract<Answer, { kind: 'done' }>
  | { readonly kind: 'stale'; readonly version: number }
  | { readonly kind: 'unknown'; readonly reason: string };

/** A request on its way to a shard, this time. */
export class Sending {
  readonly request: SimulatedRequest;
  readonly to: ShardPlace;
  /** By which the router asks. */
  readonly version: number;
  /** The router awaits its answer no more. */
  isClosed = false;

  constructor(request: SimulatedRequest, to: ShardPlace, version: number) {
    this.request = request;
    this.to = to;
    this.version = version;
  }
}

/** How often a request is refused as stale before it is given up, as in the product. */
const MAX_STALE = 20;
const MAX_REPETITIONS = 3;
/** A shard that is away is tried again after this time. */
const AWAY_MS = 100;
/** How long a router waits for an answer, or for an owner. */
const TIMEOUT_MS = 15_000;

/**
 * A request as the gate has it. It does what the product's own does about the gate: each sending, the first and every later one, asks
 * there first.
 */
export class SimulatedRequest implements GatedRequest {
  readonly operation: Operation;
  readonly isWatch: boolean;
  readonly keyText: string;
  readonly clientGroup: string;
  readonly clientConnection: object;
  readonly heldBytes = 10;
  readonly askedBy = 0;
  readonly wayToLeave: MoveWay = 'end';
  isOpen = true;
  isBeingAnswered = false;
  readonly isLeaving = false;
  owner: (ShardPlace & { readonly shard: string }) | null = null;
  version = 0;
  sending: Sending | null = null;
  readonly router: SimulatedRouter;
  readonly #startedAtMs: number;
  readonly #onAnswer: (answer: Answer) => void;
  readonly #timer: NodeJS.Timeout | null;
  #place: WaitingPlace<GatedRequest> | null = null;
  #repeated = 0;

  constructor(router: SimulatedRouter, operation: Operation, onAnswer: (answer: Answer) => void) {
    this.router = router;
    this.operation = operation;
    this.isWatch = operation.kind === 'watch';
    this.keyText = operation.key;
    this.clientGroup = operation.client;
    this.clientConnection = router;
    this.#onAnswer = onAnswer;
    this.#startedAtMs = router.nowMs;
    this.#timer = this.isWatch ? null : setTimeout(() => this.fail('it takes too long'), TIMEOUT_MS);
  }

  get isSent(): boolean {
    return this.sending !== null && !this.sending.isClosed;
  }

  /** Whether it may be sent once more where its shard refuses it: its router has all of it, and no answer yet. */
  get maySendAgain(): boolean {
    return !this.isBeingAnswered && !this.operation.isLong && this.#repeated < MAX_STALE;
  }

  ageMs(nowMs: number): number {
    return nowMs - this.#startedAtMs;
  }

  begin(): void {
    if (this.findOwnerIn(this.router.owners) && this.router.gate.admits(this)) this.#dispatch();
  }

  proceed(): void {
    this.#stopWaiting();
    if (this.router.readmits(this)) this.#dispatch();
  }

  #dispatch(): void {
    this.sending = new Sending(this, this.owner as ShardPlace, this.version);
    this.router.send(this.sending);
  }

  findOwnerIn(owners: Owners): boolean {
    const owner = (owners as SimulatedOwners).ownerOf(this.operation.key);
    if (owner === null) {
      this.fail('nobody owns it');
      return false;
    }
    this.owner = { ...owner, shard: owner.id };
    this.version = owners.version ?? 0;
    return true;
  }

  forEachKey(visit: (key: string) => void): void {
    visit(this.keyText);
  }

  hasMovedIn(owners: Owners): boolean {
    const owner = (owners as SimulatedOwners).ownerOf(this.operation.key);
    return owner?.address !== this.owner?.address || owner?.id !== this.owner?.id;
  }

  keepContent(): void {}

  stopSending(): void {
    if (!this.isOpen) this.#close();
  }

  waitIn(place: WaitingPlace<GatedRequest>): void {
    if (this.#place !== place) this.#stopWaiting();
    this.#place = place;
  }

  isIn(place: WaitingPlace<GatedRequest>): boolean {
    return this.#place === place;
  }

  #stopWaiting(): void {
    const place = this.#place;
    this.#place = null;
    place?.forget(this);
  }

  /** Its shard learns of it, unless it has ended it itself. */
  #close(isLetGo = true): void {
    const { sending } = this;
    this.sending = null;
    if (sending === null) return;
    sending.isClosed = true;
    if (isLetGo) this.router.letGo(sending);
  }

  // ---- what the shard says ---------------------------------------------------------------------------------------

  onAnswer(sending: Sending, answer: ShardAnswer): void {
    if (sending.isClosed || this.sending !== sending) return;
    if (answer.kind === 'done' && this.isWatch) {
      this.isBeingAnswered = true;
      return;
    }
    this.#close(false);
    if (!this.isOpen) return;
    if (answer.kind === 'done') this.#end(answer);
    else if (answer.kind === 'stale') this.#onStale(answer.version);
    else if (!this.#repeat()) this.fail(answer.reason);
  }

  #onStale(version: number): void {
    if (this.isBeingAnswered) this.fail('the key has moved');
    else if (this.operation.isLong) this.fail('it was refused, and is too long to be sent again');
    else if (this.#repeated >= MAX_STALE) this.fail('it was refused too often');
    else {
      this.#repeated++;
      this.router.gate.onStale(this, version);
    }
  }

  /** Its connection has ended. @param reached whether it may have reached the shard */
  onLost(sending: Sending, reached: boolean): void {
    if (sending.isClosed || this.sending !== sending) return;
    this.#close(false);
    if (!this.isOpen) return;
    if (this.isBeingAnswered) this.fail('the shard is lost');
    else if (!reached) this.waitIn(new RetryWait(this, AWAY_MS));
    else if (!this.#repeat()) this.fail('the shard is lost');
  }

  #repeat(): boolean {
    const { kind, repeats } = this.operation;
    if (
      this.operation.isLong ||
      this.isBeingAnswered ||
      (kind === 'put' && !repeats) ||
      this.#repeated >= MAX_REPETITIONS
    )
      return false;
    this.#repeated++;
    const waitMs = retryWaitMs(this.#repeated, Math.random);
    if (waitMs === 0) this.proceed();
    else this.waitIn(new RetryWait(this, waitMs));
    return true;
  }

  // ---- its end ---------------------------------------------------------------------------------------------------

  refuse(refusal: Refusal): void {
    this.fail(`refused: ${refusal.kind}`);
  }

  fail(reason: string): void {
    this.#end({ kind: 'failed', reason });
  }

  #end(answer: Answer): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stopWaiting();
    this.#close();
    this.router.onOver(this);
    this.#onAnswer(answer);
  }

  shutDownConnection(): void {}

  leave(_how: MoveWay, reason: string): void {
    this.router.onMovedAway(this);
    this.fail(reason);
  }

  giveUp(): void {
    this.fail('it was reset');
  }
}
