import type { Field } from '../../../http/index.ts';
import type { Turn } from '../../../io/index.ts';
import { grpcTimeoutMs } from '../../../rpc/index.ts';
import type { CoreContext } from '../../core/context.ts';
import type { Deadlined, DeadlineWheel } from '../../core/deadlines.ts';
import { type LocalReply, localReply } from '../replies/local-reply.ts';

/** A request whose time is limited. */
export interface LimitedRequest {
  /** Gives the client an answer of the router's own and ends the request. */
  answer(reply: LocalReply): void;
}

/** How long a request may take, and for how long nothing may move on its streams. Made only for requests that have a limit. */
export class TimeLimit implements Deadlined {
  readonly #request: LimitedRequest;
  readonly #wheel: DeadlineWheel;
  readonly #turn: Turn;
  readonly #idleMs: number;
  #deadlineAtMs: number;
  #movedAtMs: number;
  deadlineTick = -1;
  deadlinePrevious: Deadlined | null = null;
  deadlineNext: Deadlined | null = null;

  /** The time runs from now on. Either limit may be infinite. */
  constructor(request: LimitedRequest, wheel: DeadlineWheel, turn: Turn, timeoutMs: number, idleMs: number) {
    this.#request = request;
    this.#wheel = wheel;
    this.#turn = turn;
    this.#idleMs = idleMs;
    this.#deadlineAtMs = turn.nowMs + timeoutMs;
    this.#movedAtMs = turn.nowMs;
    wheel.add(this, Math.min(timeoutMs, idleMs));
  }

  /** Something moves, one way or the other. */
  onMove(): void {
    this.#movedAtMs = this.#turn.nowMs;
  }

  /** The request may take any time, as long as something moves. */
  liftDeadline(): void {
    this.#deadlineAtMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#wheel.remove(this);
  }

  onDeadline(): void {
    const nowMs = this.#turn.begin();
    const idleAtMs = this.#movedAtMs + this.#idleMs;
    const nextMs = Math.min(this.#deadlineAtMs, idleAtMs);
    if (nowMs >= this.#deadlineAtMs) this.#request.answer(localReply.deadline());
    else if (nowMs >= idleAtMs) this.#request.answer(localReply.idleStream(this.#idleMs));
    else if (nextMs !== Number.POSITIVE_INFINITY) this.#wheel.add(this, nextMs - nowMs);
  }
}

/**
 * The limit that a route and its client set; null where neither does.
 * @param grpcTimeout the client's own limit, where it has one; one that is malformed is none
 */
export function timeLimitOf(
  request: LimitedRequest,
  { deadlines, turn }: CoreContext,
  { timeoutMs, idleStreamMs }: { readonly timeoutMs: number; readonly idleStreamMs: number },
  grpcTimeout: Field | null,
): TimeLimit | null {
  let withinMs = timeoutMs;
  if (grpcTimeout !== null) {
    const askedMs = grpcTimeoutMs(grpcTimeout.text);
    if (askedMs >= 0 && askedMs < withinMs) withinMs = askedMs;
  }
  if (withinMs === Number.POSITIVE_INFINITY && idleStreamMs === Number.POSITIVE_INFINITY) return null;
  return new TimeLimit(request, deadlines, turn, withinMs, idleStreamMs);
}
