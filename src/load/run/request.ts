import type { AnswerMessage, PreparedCall } from '../calls/index.ts';
import { Exchange, type ExchangeEnd } from '../transport/index.ts';

/** Called when a request is over. */
export interface RequestOwner {
  onRequestEnded(request: Request, end: ExchangeEnd): void;
}

/** A request of the load, which is over when it is answered. */
export class Request extends Exchange {
  /** Which of the run's calls. */
  readonly index: number;
  readonly place: number;
  /** When it should have been sent, and when it was sent. */
  readonly dueMs: number;
  readonly sentMs: number;
  readonly isRetry: boolean;
  /** The newest that its answer has; null: none, or it is not wanted. */
  revision: number | null = null;
  readonly #owner: RequestOwner;

  constructor(
    owner: RequestOwner,
    call: PreparedCall,
    index: number,
    place: number,
    times: { readonly dueMs: number; readonly sentMs: number; readonly isRetry: boolean },
    shardHeader: string,
    checks: boolean,
  ) {
    super(call, shardHeader, checks);
    this.#owner = owner;
    this.index = index;
    this.place = place;
    this.dueMs = times.dueMs;
    this.sentMs = times.sentMs;
    this.isRetry = times.isRetry;
  }

  override onMessage({ revision }: AnswerMessage): void {
    if (revision !== null) this.revision = Math.max(this.revision ?? 0, revision);
  }

  protected onAnswering(): void {}

  protected onEnded(end: ExchangeEnd): void {
    this.#owner.onRequestEnded(this, end);
  }
}
