import { errorReply, type Protocol } from '../../resp/index.ts';
import type { CommandInfo } from './commands/index.ts';
import type { RedisEntry } from './entry.ts';
import type { NamesInAnswer } from './names/names-in-answer.ts';
import type { Reads } from './reads/replica-reading.ts';
import type { RedisContext } from './redis-context.ts';
import type { Answer } from './requests/answer.ts';
import { endWatching, type Transaction, type Watching } from './requests/transaction.ts';
import type { Subscriber } from './subscriber.ts';
import { type RedisUser, UNRESTRICTED } from './users/redis-user.ts';
import { WrittenShards } from './written-shards.ts';

/** Which answers a client wants (CLIENT REPLY). */
export type Wanted = 'on' | 'off' | 'skip-next' | 'skip';

/** What a client's commands have made of its connection: what a server remembers of each of its clients. */
export abstract class ClientState {
  abstract readonly entry: RedisEntry;
  abstract readonly context: RedisContext;
  protocol: Protocol = 2;
  name = '';
  isAuthenticated = false;
  user: RedisUser = UNRESTRICTED;
  lastCommand: CommandInfo | null = null;
  /** The commands between MULTI and EXEC; null outside. */
  transaction: Transaction | null = null;
  watching: Watching | null = null;
  subscriber: Subscriber | null = null;
  /** Of the command that is being taken; see `Answer.names`. */
  answerNames: NamesInAnswer | null = null;
  readonly written = new WrittenShards();
  #wanted: Wanted = 'on';

  /** Answers the command that is being taken, on the router's own account. */
  abstract say(bytes: Uint8Array): void;

  /** The same with an error, counted by its reason. */
  refuse(reason: string, text: string): void {
    this.context.core.counters.countRefusal(reason);
    this.say(errorReply(text));
  }

  /** Its commands are carried out, as far as its user may do that. */
  get isServed(): boolean {
    return this.isAuthenticated && this.subscriber === null && this.entry.mode !== 'direct';
  }

  /** Nothing decides about its commands but the commands: most clients are so. */
  get isPlain(): boolean {
    return this.isServed && !this.user.isRestricted;
  }

  /** Where reads go: what it watches is known to its shard alone. */
  get readsFrom(): Reads {
    return this.watching === null ? this.entry.reads : 'primary';
  }

  /** The client has said who it is, or is nobody again. */
  setAuthenticated(is: boolean): void {
    this.isAuthenticated = is;
  }

  /** Which answers the client gets from the next one on. */
  setWanted(wanted: Exclude<Wanted, 'skip'>): void {
    // Who wants no answers does not want the next one either, and none after it (`clientCommand` in Redis's networking.c).
    if (wanted !== 'skip-next' || this.#wanted !== 'off') this.#wanted = wanted;
  }

  /** Whether the answer to the command that is being taken is wanted. */
  get wantsAnswer(): boolean {
    return this.#wanted === 'on' || this.#wanted === 'skip-next';
  }

  /** The answer to the command that is being taken, made to go out as its client wants it. */
  protected asWanted(answer: Answer): Answer {
    answer.isSilent = !this.wantsAnswer;
    answer.names = this.answerNames;
    return answer;
  }

  /** The command that was being taken has been taken. */
  protected goToNext(): void {
    if (this.#wanted === 'skip-next') this.#wanted = 'skip';
    else if (this.#wanted === 'skip') this.#wanted = 'on';
  }

  /** The commands between MULTI and EXEC are wanted no more. */
  endTransaction(): void {
    this.transaction?.release();
    this.transaction = null;
  }

  endWatching(): void {
    if (this.watching !== null) endWatching(this.watching);
    this.watching = null;
  }

  /** It listens to nothing any more. */
  protected endSubscriber(): void {
    const { subscriber } = this;
    this.subscriber = null;
    subscriber?.stop();
  }

  /** The owners of its channels may be others now. */
  follow(): void {
    const { owners } = this.entry;
    if (owners !== null) this.subscriber?.follow(owners);
  }

  /** All of it is as at the beginning. */
  reset(): void {
    this.protocol = 2;
    this.name = '';
    this.endTransaction();
    this.endWatching();
    this.endSubscriber();
    this.setWanted('on');
    this.user = UNRESTRICTED;
    this.setAuthenticated(!this.entry.asksPassword);
  }
}
