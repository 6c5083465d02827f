import type { ClientSession } from '../client-session.ts';
import type { ListedClient } from '../listed-client.ts';
import { Answer } from '../requests/answer.ts';
import { ERRORS } from '../words.ts';

/** Clients that are looked at in one turn: about a millisecond's work where each becomes a line. */
const VISITED_A_TURN = 256;

/** What is done with the clients of an address for an answer. */
export interface FellowsVisit {
  /** @returns bytes that are kept for the answer from now on */
  visit(client: ListedClient): number;
  /** The whole answer. */
  finish(): Uint8Array;
  /** It has been given. */
  after?(): void;
}

/**
 * An answer for which the clients of a worker at the same address are looked at, itself included: some in each turn, once all that its client has asked
 * before is answered. Those that come meanwhile are left out.
 */
export class FellowsAnswer extends Answer {
  readonly #session: ClientSession;
  readonly #visit: FellowsVisit;
  #clients: Iterator<ListedClient> | null = null;
  #sinceMs = 0;
  #keptBytes = 0;
  #isOver = false;

  constructor(session: ClientSession, visit: FellowsVisit) {
    super();
    this.#session = session;
    this.#visit = visit;
  }

  override onFirst(): void {
    if (this.#clients !== null) return;
    const { context } = this.#session;
    this.#clients = context.clients.values();
    this.#sinceMs = context.core.turn.nowMs;
    context.chores.add(() => this.#visitSome(this.#clients as Iterator<ListedClient>));
  }

  /** @returns whether there are more */
  #visitSome(clients: Iterator<ListedClient>): boolean {
    const session = this.#session;
    session.context.core.turn.begin();
    for (let visited = 0; visited < VISITED_A_TURN && !this.#isOver; visited++) {
      const next = clients.next();
      if (next.done === true || next.value.beganMs > this.#sinceMs) {
        this.#finish();
        return false;
      }
      if (next.value.entry === session.entry && this.#mayLookAt(next.value)) this.#keep(this.#visit.visit(next.value));
    }
    return !this.#isOver;
  }

  /** What others do who share an address is not for a user who may not see their keys. */
  #mayLookAt(client: ListedClient): boolean {
    const { user } = this.#session;
    return !user.isRestricted || client.user === user;
  }

  #keep(bytes: number): void {
    this.#keptBytes += bytes;
    if (this.#session.keptBytes.add(bytes)) return;
    this.#end();
    this.#session.context.core.counters.countRefusal('too_long');
    this.#session.onError(this, ERRORS.answerTooLong);
  }

  #finish(): void {
    this.#end();
    this.#session.onWhole(this, this.#visit.finish());
    this.#visit.after?.();
  }

  #end(): void {
    this.#isOver = true;
    this.#session.keptBytes.remove(this.#keptBytes);
    this.#keptBytes = 0;
  }

  override cancel(): void {
    this.#isOver = true;
  }

  override abandon(): void {
    if (!this.#isOver) this.#end();
  }
}

/** What its client sends behind it is taken once it is answered: one client has one such answer made at a time. */
export function visitFellows(session: ClientSession, visit: FellowsVisit): void {
  session.expect(new FellowsAnswer(session, visit));
  session.waitForAll();
}
