import {
  type GivingUp,
  type OwnershipListener,
  RegisteredOwnership,
  type ShardIdentity,
  StoreToken,
} from '../../ownership/index.ts';
import type { Registry } from '../../registry/index.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { losingShards, type Topology } from '../../topology/index.ts';
import { type CallDetails, type Caller, FIRST_CALL } from './caller.ts';
import type { ParticipantReply, ParticipantStep } from './calls.ts';
import { Grant } from './grant.ts';
import { LastMoves } from './moves.ts';
import type { KeysAnswer } from './questions.ts';

// What holds: the registry hears that keys are given up only once this process of the backend has answered a `hold` for the attempt that is
// under way; that nothing is served only once it has answered a first call, before which it has nothing under way; or once its time is over, after
// which it serves nothing by itself. An answer to any other `serve` says nothing about what is under way. What it is told follows the versions one by one; where that
// is not possible, because keys were taken without a hold, or because it has not heard all of it, it begins anew with nothing in memory.

/** After a call that has failed: requests may be held meanwhile. Each further time it is twice as long, up to the most. */
const RETRY_MS = 50;
const MOST_RETRY_MS = 1000;
/** Of the time for which it may serve: how often that is extended. One such call may be lost. */
const RENEWALS_PER_GRANT = 4;

/** Until when it may serve where it may not. */
const NOT_AT_ALL = Number.NEGATIVE_INFINITY;

/** What the backend was told last, though it may not have heard it. */
interface Told {
  readonly topology: Topology;
  /** What it holds back for. */
  readonly holding: GivingUp | null;
  /** Keys have left that may be in its memory. */
  readonly hasToDrop: boolean;
  readonly by: ParticipantStep;
  readonly isHeard: boolean;
}

/** What its agent gives it. */
export interface BackendSurroundings {
  readonly registry: Registry;
  readonly identity: ShardIdentity;
  readonly caller: Caller;
  /** How long it may serve after it has last answered. */
  readonly grantMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Called with what is wrong with its answer to a step, or null. */
  readonly onFault: (step: ParticipantStep, fault: string | null) => void;
}

/** One process of a backend that takes part by itself, from its first answer until another process answers in its place. */
export class BackendProcess {
  readonly #surroundings: BackendSurroundings;
  readonly #id: string;
  readonly #ownership: RegisteredOwnership;
  readonly #grant: Grant;
  readonly #token: StoreToken;
  readonly #over = new AbortController();
  #told: Told | null = null;
  /** It has just said hello. */
  #isFresh = true;
  /** Another process answers in its place. */
  #isReplaced = false;
  /** Calls that have failed, one after the other, since something has changed. */
  #failures = 0;
  readonly #moves: LastMoves;
  /** What has become current, and it has not been told. */
  #versions: Topology[] = [];
  /** What others wait for; null: that it serves nothing at all. */
  #waiting: Array<{ readonly givingUp: GivingUp | null; readonly resolve: () => void }> = [];
  #change = Promise.withResolvers<void>();
  /** The hold that it has been asked for, and has not answered. */
  #asking: { readonly givingUp: GivingUp | null; readonly cancel: AbortController } | null = null;
  #isHealthy = true;
  #running: Promise<unknown> = Promise.resolve();

  /** @param hello its first answer */
  constructor(surroundings: BackendSurroundings, hello: ParticipantReply) {
    const { registry, identity, grantMs, clock } = surroundings;
    this.#surroundings = surroundings;
    this.#id = hello.backend;
    this.#grant = new Grant(grantMs);
    this.#grant.onAnswer(hello.clockMs, clock());
    this.#token = new StoreToken(identity.shard);
    this.#moves = new LastMoves(identity.shard);
    const listener: OwnershipListener = {
      onVersion: () => this.#versions.push(this.#ownership.topology as Topology),
      onLost: () => this.#onLost(),
    };
    this.#ownership = new RegisteredOwnership(registry, identity, clock, listener);
  }

  /** Registers. Resolves once it is known what it owns. */
  async start(): Promise<void> {
    this.#running = Promise.all([this.#follow(), this.#renew()]);
    await this.#ownership.start();
    this.#wake();
  }

  /** Aborted once another process answers in its place. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  set isHealthy(isHealthy: boolean) {
    this.#isHealthy = isHealthy;
    this.#reportHealth();
  }

  #reportHealth(): void {
    this.#ownership.isWell = this.#isHealthy && this.#grant.isAnswered(this.#surroundings.clock());
  }

  /** Which keys are its own; null where it cannot be said without mixing two versions. */
  answer(keys: readonly string[]): KeysAnswer | null {
    if (this.#told === null || this.#versions.length > 0) return null;
    const lostBy = keys.map((key) => {
      const bytes = Buffer.from(key, 'utf8');
      return this.#ownership.lostBy(bytes, 0, bytes.length);
    });
    return { sequence: this.#surroundings.caller.sequence, lostBy };
  }

  /** Has it serve nothing any more. Resolves once nothing is under way, and the others know. */
  async stop(): Promise<void> {
    this.#over.abort();
    this.#wake();
    await this.#running;
    await this.#end();
    await this.#ownership.stop();
  }

  async #end(): Promise<void> {
    const { clock, caller } = this.#surroundings;
    const overInMs = Math.max(0, this.#grant.overAtMs - clock());
    const timeIsUp = AbortSignal.timeout(Math.ceil(overInMs));
    if (overInMs > 0 && !(await this.#hasEnded(caller, timeIsUp))) await this.#pause(overInMs, timeIsUp);
    this.#grant.onStopped();
  }

  /** @returns whether it has said that nothing is under way; without that its time runs out */
  async #hasEnded(caller: Caller, until: AbortSignal): Promise<boolean> {
    while (!this.#isReplaced && !until.aborted) {
      try {
        const { backend, isRefused } = await caller.call('serve', FIRST_CALL, until);
        if (backend !== this.#id) return false;
        if (!isRefused) return true;
      } catch {
        // It may answer yet.
      }
      await this.#pause(RETRY_MS, until);
    }
    return false;
  }

  // ---- what the registry has ---------------------------------------------------------------------------------------

  #onLost(): undefined | Promise<void> {
    const { givingUp, topology } = this.#ownership;
    const asking = this.#asking;
    if (asking !== null && (this.#versions.length > 0 || !isSame(asking.givingUp, givingUp))) asking.cancel.abort();
    this.#lookAtTime();
    this.#failures = 0;
    this.#wake();
    if (givingUp === null && topology !== null) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ givingUp, resolve });
      this.#lookAtWaiting();
    });
  }

  #lookAtWaiting(): void {
    const told = this.#told;
    const isOver = this.#grant.isOver(this.#surroundings.clock());
    const isDone = (givingUp: GivingUp | null): boolean =>
      isOver || (givingUp !== null && told?.isHeard === true && isSame(told.holding, givingUp));
    const done = this.#waiting.filter(({ givingUp }) => isDone(givingUp));
    this.#waiting = this.#waiting.filter(({ givingUp }) => !isDone(givingUp));
    for (const { resolve } of done) resolve();
  }

  // ---- what the backend is told ------------------------------------------------------------------------------------

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  async #follow(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const change = this.#change.promise;
      const next = this.#next();
      if (next === null) await change;
      else if (await this.#take(next)) this.#failures = 0;
      else {
        const retryMs = Math.min(RETRY_MS * 2 ** this.#failures, MOST_RETRY_MS);
        this.#failures++;
        await Promise.race([this.#pause(retryMs, this.#over.signal), change]);
      }
      this.#lookAtWaiting();
    }
  }

  /** What it has to be told next; null: nothing. `stop`: that it may serve nothing. */
  #next(): Told | 'stop' | null {
    const { topology, givingUp, holds } = this.#ownership;
    this.#lookAtTime();
    const told = this.#told;
    if (topology === null) return told === null ? null : 'stop';
    if (told === null)
      return holds ? { topology, holding: null, hasToDrop: false, by: 'commit', isHeard: false } : null;
    if (!told.isHeard && told.by !== 'hold') return told;
    if (told.hasToDrop) return { ...told, hasToDrop: false, by: 'drop', isHeard: false };
    const [version] = this.#versions;
    const isFor = told.holding !== null && told.holding.to === version?.version;
    const isHeld = told.holding !== null && isSame(told.holding, givingUp);
    if (told.holding !== null && !isFor && !isHeld) return { ...told, holding: null, by: 'abort', isHeard: false };
    if (version !== undefined) {
      const { shard } = this.#surroundings.identity;
      if (!isFor && losingShards(told.topology, version).includes(shard)) {
        this.#told = null;
        return this.#next();
      }
      return { topology: version, holding: null, hasToDrop: isFor, by: 'commit', isHeard: false };
    }
    if (givingUp === null || (isHeld && told.isHeard)) return null;
    return { ...told, holding: givingUp, by: 'hold', isHeard: false };
  }

  /** Others may have had its keys while its time was over: it has to begin anew before it serves again. */
  #lookAtTime(): void {
    if (!this.#ownership.holds || this.#grant.isOver(this.#surroundings.clock())) this.#told = null;
  }

  /** @returns false where it has not heard it */
  async #take(next: Told | 'stop'): Promise<boolean> {
    if (next === 'stop') return this.#stopServing();
    if (this.#told === null && !(await this.#begin())) return false;
    const { by, topology } = next;
    const hold = by === 'hold' ? next.holding : null;
    if (by === 'commit' && this.#told?.topology !== topology) {
      this.#token.onVersion(topology);
      this.#versions = this.#versions.slice(this.#versions.indexOf(topology) + 1);
    }
    const { staged } = this.#ownership;
    const moves = hold === null || staged?.version !== hold.to ? null : this.#moves.between(topology, staged);
    this.#told = next;
    const cancel = new AbortController();
    this.#asking = hold === null ? null : { givingUp: hold, cancel };
    const reply = await this.#call(by, { ...this.#details(this.#untilMs), ...hold, moves }, cancel.signal);
    this.#asking = null;
    // Meanwhile it may have turned out that it has to begin anew.
    if (reply === null || this.#told !== next) return false;
    this.#told = { ...next, isHeard: true };
    return true;
  }

  /** It begins anew, with nothing in memory. */
  async #begin(): Promise<boolean> {
    if (!this.#isFresh && (await this.#call('serve', FIRST_CALL)) === null) return false;
    this.#isFresh = false;
    return true;
  }

  /** There is no topology any more. Whoever gets the keys by the next one must not meet what is under way by this one. */
  async #stopServing(): Promise<boolean> {
    if ((await this.#call('serve', FIRST_CALL)) === null) return false;
    this.#grant.onStopped();
    this.#told = null;
    return true;
  }

  /** Until when it may serve by what it was told last. */
  get #untilMs(): number {
    const { topology, servesUntil } = this.#ownership;
    return this.#told === null || topology === null ? NOT_AT_ALL : (servesUntil[0] as number);
  }

  #details(untilMs: number): CallDetails {
    const version = this.#told?.topology.version ?? 0;
    const token = this.#token.valueAt(this.#ownership.registeredAt);
    const serveUntilMs = this.#grant.extend(untilMs, this.#surroundings.clock());
    return { backend: this.#id, version, token, serveUntilMs };
  }

  async #renew(): Promise<void> {
    const everyMs = this.#surroundings.grantMs / RENEWALS_PER_GRANT;
    for (;;) {
      await this.#pause(everyMs, this.#over.signal);
      if (this.#over.signal.aborted) return;
      this.#lookAtTime();
      await this.#call('serve', this.#details(this.#untilMs));
      this.#reportHealth();
      this.#lookAtWaiting();
      // Its lease may be good again.
      this.#wake();
    }
  }

  /** @returns null where it has not done it */
  async #call(step: ParticipantStep, details: CallDetails, cancelled?: AbortSignal): Promise<ParticipantReply | null> {
    const { caller, clock, onFault } = this.#surroundings;
    const signals = cancelled === undefined ? [this.#over.signal] : [this.#over.signal, cancelled];
    try {
      const reply = await caller.call(step, details, AbortSignal.any(signals));
      onFault(step, null);
      if (reply.backend !== this.#id) {
        this.#isReplaced = true;
        this.#over.abort();
        this.#wake();
      } else if (reply.agent !== caller.agent) this.#told = null;
      else {
        this.#grant.onAnswer(reply.clockMs, clock());
        this.#reportHealth();
        if (!reply.isRefused) return reply;
      }
    } catch (error) {
      if (!this.#over.signal.aborted) onFault(step, faultOf(error));
    }
    return null;
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return this.#surroundings.registry.pause(ms, signal, 0);
  }
}

/** What is cancelled because requests are not held any more was too late, as what was not answered in time. */
function faultOf(error: unknown): string {
  const { name } = error as Error;
  return name === 'AbortError' || name === 'TimeoutError' ? 'there is no answer in time' : plainText(error);
}

function isSame(one: GivingUp | null, other: GivingUp | null): boolean {
  return one?.to === other?.to && one?.attempt === other?.attempt;
}
