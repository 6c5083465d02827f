import { type Accepted, endSocket, Output, type OutputListener } from '../../io/index.ts';
import {
  type Command,
  errorReply,
  type LargeCommandFate,
  type Protocol,
  RequestReader,
  type RequestSink,
  type RespFault,
} from '../../resp/index.ts';
import type { OpenRequest } from '../core/open-request.ts';
import { clientGroup } from '../core/owner/fair-queue.ts';
import type { Session } from '../core/session.ts';
import { ClientListening } from './client-listening.ts';
import { BUSY_MS, type ClientSession, MAX_UNDER_WAY, type SessionOwner, type Wanted } from './client-session.ts';
import { limitsOf } from './command-limits.ts';
import type { RedisEntry } from './entry.ts';
import { OutgoingAnswers } from './outgoing-answers.ts';
import { Pace, type Pausable, Wait } from './pace.ts';
import type { RedisContext } from './redis-context.ts';
import type { Answer } from './requests/answer.ts';
import type { RoutedCommand } from './requests/routed-command.ts';
import type { StreamedRequest } from './requests/streamed-request.ts';
import { endWatching, type Transaction, type Watching } from './requests/transaction.ts';
import { SlowReader } from './slow-reader.ts';
import { Subscriber } from './subscriber.ts';
import { takeCommand } from './take/take-command.ts';
import { takeLargeCommand } from './take/take-large-command.ts';
import { ERRORS } from './words.ts';

/** A Redis client's connection: its commands, and their answers in order. */
export class RedisSession implements Session, RequestSink, OutputListener, ClientSession, Pausable {
  readonly id: number;
  readonly context: RedisContext;
  readonly entry: RedisEntry;
  readonly address: string;
  readonly clientGroup: string;
  readonly clientConnection = this;
  readonly beganMs: number;
  readonly retries = { waiting: 0 };
  declare command: Command;
  protocol: Protocol = 2;
  name = '';
  isAuthenticated: boolean;
  transaction: Transaction | null = null;
  watching: Watching | null = null;
  subscriber: Subscriber | null = null;
  readonly #owner: SessionOwner;
  readonly #accepted: Accepted;
  readonly #output: Output;
  readonly #reader: RequestReader;
  readonly #pace: Pace;
  readonly #slowReader: SlowReader;
  readonly #answers: OutgoingAnswers;
  #wanted: Wanted = 'on';
  /** A large command whose content is on its way. */
  #streamed: StreamedRequest | null = null;
  #awaitingWritable: Array<() => void> = [];
  #state: 'open' | 'ending' | 'closed' = 'open';
  /** Given up, and still under way at their shards. */
  readonly #unsettled = new Set<RoutedCommand>();
  #ends: 'no' | 'once-quiet' | 'once-answered' = 'no';
  /** The client sends no more. */
  #hasSaidAll = false;
  #lastCommandMs: number;

  constructor(owner: SessionOwner, accepted: Accepted, entry: RedisEntry, id: number) {
    const { core } = owner.context;
    this.#owner = owner;
    this.#accepted = accepted;
    this.id = id;
    this.context = owner.context;
    this.entry = entry;
    this.address = accepted.clientAddress;
    this.clientGroup = clientGroup(accepted.clientAddress);
    this.isAuthenticated = !entry.asksPassword;
    this.beganMs = core.turn.nowMs;
    this.#lastCommandMs = this.beganMs;
    const { socket } = accepted;
    // What a client has asked is answered also if it says at once that it asks no more, as scripts do.
    socket.allowHalfOpen = true;
    this.#output = new Output(socket, core.buffers, core.turn, this);
    this.#answers = new OutgoingAnswers(owner.context, this.#output, () => this.#onAdvanced());
    this.#pace = new Pace(socket, this);
    this.#slowReader = new SlowReader(socket);
    this.#reader = new RequestReader(this, limitsOf(core));
    this.#reader.unauthenticated = !this.isAuthenticated;
    socket.on('error', () => this.#onClosed());
    socket.on('end', () => this.#onSaidAll());
    socket.on('close', () => this.#onClosed());
  }

  get openStreams(): number {
    return this.#answers.length + this.#unsettled.size;
  }

  get idleMs(): number {
    return this.context.core.turn.nowMs - this.#lastCommandMs;
  }

  // ---- commands ------------------------------------------------------------------------------------------------------

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.context.core.turn.begin();
    this.#pace.onBytes(end - start);
    this.#reader.receive(bytes, start, end);
  }

  onCommand(command: Command): void {
    this.#begin(command);
    takeCommand(this, command);
    this.#onTaken();
  }

  #begin(command: Command): void {
    this.command = command;
    this.#lastCommandMs = this.context.core.turn.nowMs;
  }

  #onTaken(): void {
    if (this.#wanted === 'skip-next') this.#wanted = 'skip';
    else if (this.#wanted === 'skip') this.#wanted = 'on';
    if (this.#answers.length >= MAX_UNDER_WAY) this.#pace.wait(Wait.Many);
    if (this.#output.congested) this.#pace.wait(Wait.Client);
  }

  onLargeCommand(command: Command): LargeCommandFate {
    this.#begin(command);
    this.#streamed = takeLargeCommand(this, command);
    if (this.#streamed === null) return 'collect';
    this.#onTaken();
    return 'stream';
  }

  onContent(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    this.#streamed?.onContent(bytes, start, end, isLast);
    if (!isLast) return;
    this.#streamed = null;
    // It went over a connection of its own: what comes behind it must not overtake it over another.
    this.waitForAll();
  }

  onTooLarge(): void {
    this.say(errorReply(ERRORS.tooLarge));
    this.quit();
  }

  onFault(fault: RespFault): void {
    this.context.core.counters.malformed++;
    this.say(errorReply(fault.message));
    this.quit();
  }

  get isPlain(): boolean {
    return this.isAuthenticated && this.subscriber === null;
  }

  /** The client has said who it is, or is nobody again. */
  setAuthenticated(is: boolean): void {
    this.isAuthenticated = is;
    this.#reader.unauthenticated = !is;
  }

  /** Which answers the client gets from the next one on. */
  setWanted(wanted: Exclude<Wanted, 'skip'>): void {
    this.#wanted = wanted;
  }

  endWatching(): void {
    if (this.watching !== null) endWatching(this.watching);
    this.watching = null;
  }

  reset(): void {
    this.protocol = 2;
    this.name = '';
    this.transaction = null;
    this.endWatching();
    this.#endSubscriber();
    this.setWanted('on');
    this.setAuthenticated(!this.entry.asksPassword);
  }

  // ---- what it listens to --------------------------------------------------------------------------------------------

  subscribe(): Subscriber {
    this.subscriber ??= new Subscriber(new ClientListening(this, this.#answers, () => this.destroy()));
    return this.subscriber;
  }

  #endSubscriber(): void {
    const { subscriber } = this;
    this.subscriber = null;
    subscriber?.stop();
  }

  /** The owners of its channels may be others now. */
  follow(): void {
    const { owners } = this.entry;
    if (owners !== null) this.subscriber?.follow(owners);
  }

  // ---- answers -------------------------------------------------------------------------------------------------------

  /** Answers the command that is being taken, on the router's own account. */
  say(bytes: Uint8Array): void {
    if (this.#wanted === 'on' || this.#wanted === 'skip-next') this.#answers.say(bytes);
  }

  /** The same with an error, counted by its reason. */
  refuse(reason: string, text: string): void {
    this.context.core.counters.countRefusal(reason);
    this.say(errorReply(text));
  }

  /** An answer will come in its turn. */
  expect(answer: Answer): void {
    answer.isSilent = this.#wanted === 'off' || this.#wanted === 'skip';
    this.#answers.expect(answer);
  }

  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (this.#state === 'closed') return true;
    if (this.#answers.onBytes(answer, bytes, start, end, isLast)) return !this.#output.congested;
    this.context.core.counters.countFlood('backlog');
    this.destroy();
    return true;
  }

  onError(answer: Answer, text: string): void {
    // Behind the begin of another answer an error would be taken for the rest of it.
    if (!this.#answers.takeBack(answer)) {
      this.destroy();
      return;
    }
    const bytes = errorReply(text);
    this.onBytes(answer, bytes, 0, bytes.length, true);
    this.onUnsent();
  }

  #onAdvanced(): void {
    const { length } = this.#answers;
    if (this.#pace.isWaiting) {
      if (length === 0) this.#pace.end(Wait.All);
      if (length < MAX_UNDER_WAY / 2) this.#pace.end(Wait.Many);
    }
    if (length > 0 || this.#ends === 'no') return;
    if (this.#ends === 'once-answered') this.#end();
    else this.#endIfQuiet();
  }

  // ---- pace ----------------------------------------------------------------------------------------------------------

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.context.core.turn.begin();
    this.#reader.resume();
    // What was kept was taken just now, if anything was.
    if (this.#ends === 'once-quiet') this.#endIfQuiet();
  }

  /** Part of the command that is being taken could not be sent at once. */
  waitForSending(): void {
    this.#pace.wait(Wait.Unsent);
  }

  onSent(request: RoutedCommand): void {
    if (this.#pace.waitsFor(Wait.Unsent)) this.onUnsent();
    const congested = request.congestedConnection;
    if (congested === null) return;
    this.#pace.wait(Wait.Shard);
    congested.whenWritable(() => this.#pace.end(Wait.Shard));
  }

  onUnsent(): void {
    if (!this.#pace.waitsFor(Wait.Unsent)) return;
    let isUnsent = false;
    this.forEachRequest((request) => {
      if (request.isOpen && !request.isSent) isUnsent = true;
    });
    if (!isUnsent) this.#pace.end(Wait.Unsent);
  }

  waitForAll(): void {
    if (this.#answers.length > 0) this.#pace.wait(Wait.All);
  }

  whenWritable(callback: () => void): void {
    this.#awaitingWritable.push(callback);
  }

  beforeFlush(): void {}

  onWritable(): void {
    this.#pace.end(Wait.Client);
    const awaiting = this.#awaitingWritable;
    this.#awaitingWritable = [];
    for (const callback of awaiting) callback();
  }

  onUnread(): void {
    this.context.core.counters.countFlood('unsent');
    this.destroy();
  }

  // ---- its end -------------------------------------------------------------------------------------------------------

  forEachRequest(visit: (request: OpenRequest) => void): void {
    for (const answer of this.#answers) answer.forEachRequest(visit);
    for (const request of this.#unsettled) visit(request);
  }

  isFirst(answer: Answer): boolean {
    return this.#answers.isFirst(answer);
  }

  onGivenUp(request: RoutedCommand): void {
    this.#unsettled.add(request);
  }

  onSettled(request: RoutedCommand): void {
    if (this.#unsettled.delete(request) && this.#unsettled.size === 0 && this.#state === 'closed')
      this.#owner.onSessionClosed(this);
  }

  shutdown(): void {
    if (this.#ends !== 'no') return;
    this.#ends = 'once-quiet';
    this.#endIfQuiet();
  }

  /** RESP has no word for a connection that is about to end: it ends when nothing is under way, and its client seems to ask nothing. */
  #endIfQuiet(): void {
    const isDone = this.#answers.length === 0 && !this.#pace.isWaiting;
    if (isDone && (this.idleMs >= BUSY_MS || this.#hasSaidAll)) this.#end();
  }

  /** What was asked before is answered, and nothing more is taken. */
  quit(): void {
    this.#reader.stop();
    this.#ends = 'once-answered';
    if (this.#answers.length === 0) this.#end();
  }

  #onSaidAll(): void {
    this.#hasSaidAll = true;
    let isWaiting = this.subscriber !== null;
    this.forEachRequest(({ isWatch }) => {
      isWaiting ||= isWatch;
    });
    // What is waited for may never come, and the client has most likely gone: so Redis sees it.
    if (isWaiting) this.destroy();
    else this.shutdown();
  }

  #end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#reader.stop();
    this.#output.flushAll();
    endSocket(this.#accepted.socket, () => this.#onClosed());
  }

  destroy(): void {
    this.#accepted.socket.destroy();
    this.#onClosed();
  }

  #onClosed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#reader.stop();
    this.endWatching();
    this.#endSubscriber();
    this.#pace.stop();
    this.#output.discard();
    const requests: RoutedCommand[] = [];
    this.forEachRequest((request) => requests.push(request as RoutedCommand));
    this.#answers.clear();
    for (const request of requests) if (request.isSent) this.#unsettled.add(request);
    this.onWritable();
    if (this.#unsettled.size === 0) this.#owner.onSessionClosed(this);
  }

  sweep(nowMs: number): void {
    if (this.#ends === 'once-quiet') this.#endIfQuiet();
    const { idleConnectionMs } = this.context.core.limits;
    const isIdle =
      this.#answers.length === 0 && this.subscriber === null && nowMs - this.#lastCommandMs >= idleConnectionMs;
    if (idleConnectionMs > 0 && isIdle) this.shutdown();
    if (this.#slowReader.isStuck(nowMs, this.#output.congested)) {
      this.context.core.counters.countFlood('stalled');
      this.destroy();
    }
  }
}
