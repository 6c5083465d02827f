import { type Accepted, endSocket, Output, type OutputListener } from '../../io/index.ts';
import {
  type Command,
  errorReply,
  type LargeCommandFate,
  RequestReader,
  type RequestSink,
  type RespFault,
} from '../../resp/index.ts';
import type { OpenRequest } from '../core/open-request.ts';
import { clientGroup } from '../core/owner/fair-queue.ts';
import type { Session } from '../core/session.ts';
import { ClientListening } from './client-listening.ts';
import { BUSY_MS, type ClientSession, MAX_UNDER_WAY, type SessionOwner } from './client-session.ts';
import { ClientState } from './client-state.ts';
import { limitsOf } from './command-limits.ts';
import type { RedisEntry } from './entry.ts';
import { KeptBytes } from './kept-bytes.ts';
import { OutgoingAnswers } from './outgoing-answers.ts';
import { Pace, type Pausable, Wait } from './pace.ts';
import type { RedisContext } from './redis-context.ts';
import type { Answer } from './requests/answer.ts';
import type { RoutedCommand } from './requests/routed-command.ts';
import { SlowReader } from './slow-reader.ts';
import { SlowSender } from './slow-sender.ts';
import { Subscriber } from './subscriber.ts';
import { takeCommand } from './take/take-command.ts';
import { type LargeContent, takeLargeCommand } from './take/take-large-command.ts';
import { ERRORS } from './words.ts';

/** A Redis client's connection: its commands, and their answers in order. */
export class RedisSession extends ClientState implements Session, RequestSink, OutputListener, ClientSession, Pausable {
  readonly id: number;
  readonly context: RedisContext;
  readonly entry: RedisEntry;
  readonly accepted: Accepted;
  readonly address: string;
  readonly clientGroup: string;
  readonly clientConnection = this;
  readonly beganMs: number;
  readonly retries = { waiting: 0 };
  readonly keptBytes: KeptBytes;
  declare command: Command;
  readonly #owner: SessionOwner;
  readonly #output: Output;
  readonly #reader: RequestReader;
  readonly #pace: Pace;
  readonly #slowReader: SlowReader;
  readonly #slowSender: SlowSender;
  readonly #answers: OutgoingAnswers;
  /** A large command whose content is on its way. */
  #streamed: LargeContent | null = null;
  #awaitingWritable: Array<() => void> = [];
  #state: 'open' | 'ending' | 'closed' = 'open';
  /** Given up, and still under way at their shards. */
  readonly #unsettled = new Set<RoutedCommand>();
  #ends: 'no' | 'once-quiet' | 'once-answered' = 'no';
  /** The client sends no more. */
  #hasSaidAll = false;
  #lastCommandMs: number;
  /** Bytes of the reader that count as kept. */
  #unreadBytes = 0;

  constructor(owner: SessionOwner, accepted: Accepted, entry: RedisEntry, id: number) {
    super();
    const { core } = owner.context;
    this.#owner = owner;
    this.accepted = accepted;
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
    this.keptBytes = new KeptBytes(core.buffers);
    this.#answers = new OutgoingAnswers(owner.context.slab, this.keptBytes, this.#output, () => this.#onAdvanced());
    this.#pace = new Pace(socket, this);
    this.#slowReader = new SlowReader(socket);
    this.#slowSender = new SlowSender(socket);
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
    if (this.#reader.keptBytes !== this.#unreadBytes) this.#countUnread();
  }

  /** What has come and was not taken: the beginning of a command, or what is behind one that is waited for. */
  #countUnread(): void {
    const { keptBytes } = this.#reader;
    this.keptBytes.remove(this.#unreadBytes);
    this.#unreadBytes = keptBytes;
    if (this.keptBytes.add(keptBytes) || this.#state !== 'open') return;
    this.#breakOff(ERRORS.noRoom, 'backlog');
  }

  /** Answers in the middle of a command: where the next one begins is not known. */
  #breakOff(text: string, flood?: 'backlog' | 'slow'): void {
    if (flood !== undefined) this.context.core.counters.countFlood(flood);
    this.#streamed?.breakOff(text);
    if (this.#streamed === null) this.say(errorReply(text));
    this.#streamed = null;
    this.quit();
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
    this.goToNext();
    if (this.#answers.length >= MAX_UNDER_WAY) this.#pace.wait(Wait.Many);
    if (this.#output.congested) this.#pace.wait(Wait.Client);
    if (this.keptBytes.isHalfFull) this.waitForAll();
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
    this.#breakOff(ERRORS.tooLarge);
  }

  onFault(fault: RespFault): void {
    this.context.core.counters.malformed++;
    this.#breakOff(fault.message);
  }

  override setAuthenticated(is: boolean): void {
    super.setAuthenticated(is);
    this.#reader.unauthenticated = !is;
  }

  // ---- what it listens to --------------------------------------------------------------------------------------------

  subscribe(): Subscriber {
    this.subscriber ??= new Subscriber(
      new ClientListening(
        this,
        (bytes, start, end) => this.#push(bytes, start, end),
        () => this.destroy(),
      ),
    );
    return this.subscriber;
  }

  #push(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#answers.push(bytes, start, end)) this.#cut('backlog');
  }

  // ---- answers -------------------------------------------------------------------------------------------------------

  /** Answers the command that is being taken, on the router's own account. */
  say(bytes: Uint8Array): void {
    if (this.wantsAnswer) this.#answers.say(bytes);
  }

  /** An answer will come in its turn. */
  expect(answer: Answer): void {
    this.#answers.expect(this.asWanted(answer));
  }

  onBytes(answer: Answer, bytes: Uint8Array, start: number, end: number, isLast: boolean): boolean {
    if (this.#state === 'closed') return true;
    if (!this.#answers.onBytes(answer, bytes, start, end, isLast)) this.#onTooLong(answer);
    return !this.#output.congested;
  }

  onWhole(answer: Answer, reply: Uint8Array): void {
    if (this.#state !== 'closed' && !this.#answers.onWhole(answer, reply)) this.#onTooLong(answer);
  }

  /** More is kept of an answer than may be. */
  #onTooLong(answer: Answer): void {
    this.context.core.counters.countRefusal('too_long');
    answer.abandon();
    this.onError(answer, ERRORS.answerTooLong);
  }

  onError(answer: Answer, text: string): void {
    if (this.#state === 'closed') return;
    if (this.#answers.replace(answer, errorReply(text))) this.onUnsent();
    else this.destroy();
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
    if (this.#reader.keptBytes !== this.#unreadBytes) this.#countUnread();
    // What was kept was taken just now, if anything was.
    if (this.#ends === 'once-quiet') this.#endIfQuiet();
  }

  /** Part of the command that is being taken could not be sent at once. */
  waitForSending(): void {
    this.#pace.wait(Wait.Unsent);
  }

  onSent(request: RoutedCommand): void {
    if (request.mayWrite) this.written.note(request.owner);
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
    this.#answers.goOn();
    if (!this.#output.congested) this.#letGoOn();
  }

  #letGoOn(): void {
    this.#pace.end(Wait.Client);
    const awaiting = this.#awaitingWritable;
    this.#awaitingWritable = [];
    for (const callback of awaiting) callback();
  }

  onUnread(): void {
    this.#cut('unsent');
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
    let isWaiting = this.subscriber !== null || this.#streamed !== null;
    this.forEachRequest(({ isWatch }) => {
      isWaiting ||= isWatch;
    });
    // What is waited for may never come, the rest of a command neither, and the client has most likely gone: so Redis sees it.
    if (isWaiting) this.destroy();
    else this.shutdown();
  }

  #end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#reader.stop();
    this.#output.flushAll();
    endSocket(this.accepted.socket, () => this.#onClosed());
  }

  /** Ends it because of what its client does, or leaves undone. */
  #cut(flood: 'backlog' | 'unsent' | 'stalled'): void {
    this.context.core.counters.countFlood(flood);
    this.destroy();
  }

  destroy(): void {
    this.accepted.socket.destroy();
    this.#onClosed();
  }

  #onClosed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#reader.stop();
    this.endWatching();
    this.endSubscriber();
    this.#pace.stop();
    this.#output.discard();
    this.keptBytes.stop();
    const requests: RoutedCommand[] = [];
    this.forEachRequest((request) => requests.push(request as RoutedCommand));
    this.#answers.clear();
    for (const request of requests) if (request.isSent) this.#unsettled.add(request);
    this.#letGoOn();
    if (this.#unsettled.size === 0) this.#owner.onSessionClosed(this);
  }

  sweep(nowMs: number): void {
    const { limits } = this.context.core;
    const { idleConnectionMs, requestContentTimeoutMs } = limits;
    if (this.#ends === 'once-quiet') this.#endIfQuiet();
    const isIdle = this.#answers.length === 0 && this.subscriber === null && this.idleMs >= idleConnectionMs;
    if (idleConnectionMs > 0 && isIdle) this.shutdown();
    const isSending = this.#reader.isMidLargeCommand && this.#ends !== 'once-answered';
    if (this.#slowSender.isStuck(nowMs, isSending, !this.#pace.isWaiting, limits))
      this.#breakOff(`ERR the command's content has hardly moved for ${requestContentTimeoutMs} ms`, 'slow');
    if (this.#slowReader.isStuck(nowMs, this.#output.congested)) this.#cut('stalled');
  }
}
