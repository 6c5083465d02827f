import type { Accepted } from '../../io/index.ts';
import type { Command, Protocol } from '../../resp/index.ts';
import type { Wanted } from './client-state.ts';
import type { CommandInfo } from './commands/index.ts';
import type { RedisEntry } from './entry.ts';
import type { NamesInAnswer } from './names/names-in-answer.ts';
import type { RedisContext } from './redis-context.ts';
import type { Answer } from './requests/answer.ts';
import type { RequestClient } from './requests/routed-command.ts';
import type { Transaction, Watching } from './requests/transaction.ts';
import type { Subscriber } from './subscriber.ts';
import type { RedisUser } from './users/redis-user.ts';
import type { WrittenShards } from './written-shards.ts';

/** Commands of one client that may be under way; behind them its socket is read no more. */
export const MAX_UNDER_WAY = 1024;
/** At a shutdown a client that was busy this lately may be sending the next command. */
export const BUSY_MS = 250;

/** A client's session as the code sees it that does what its commands ask for. */
export interface ClientSession extends RequestClient {
  readonly id: number;
  readonly entry: RedisEntry;
  protocol: Protocol;
  name: string;
  readonly isAuthenticated: boolean;
  /** Who it is; anybody where no password is asked for. */
  user: RedisUser;
  /** See `ClientState`. */
  readonly isServed: boolean;
  readonly accepted: Accepted;
  readonly beganMs: number;
  readonly idleMs: number;
  /** What is sent of the command that is being taken. */
  command: Command;
  /** Of the command that is being taken; see `Answer.names`. */
  answerNames: NamesInAnswer | null;
  /** What it has asked last; null where it has asked nothing that is known. */
  lastCommand: CommandInfo | null;
  /** Nothing decides about its commands but the commands: most clients' sessions are so. */
  readonly isPlain: boolean;
  /** The commands between MULTI and EXEC; null outside. */
  transaction: Transaction | null;
  /** Forgets them. */
  endTransaction(): void;
  watching: Watching | null;
  readonly written: WrittenShards;
  readonly subscriber: Subscriber | null;
  /** Its subscriber, which is made where there is none. */
  subscribe(): Subscriber;
  /** Answers the command that is being taken, on the router's own account. */
  say(bytes: Uint8Array): void;
  /** The same with an error, counted by its reason. */
  refuse(reason: string, text: string): void;
  /** An answer will come in its turn. */
  expect(answer: Answer): void;
  /** Part of the command that is being taken could not be sent at once. */
  waitForSending(): void;
  setAuthenticated(is: boolean): void;
  /** Which answers the client gets from the next one on. */
  setWanted(wanted: Exclude<Wanted, 'skip'>): void;
  /** Forgets what it watches. */
  endWatching(): void;
  /** All of its state is as at its beginning. */
  reset(): void;
  /** The client wants to go. */
  quit(): void;
  /** It has to go at once. */
  destroy(): void;
}

/** What a session needs of its family. */
export interface SessionOwner {
  readonly context: RedisContext;
  onSessionClosed(session: ClientSession): void;
}
