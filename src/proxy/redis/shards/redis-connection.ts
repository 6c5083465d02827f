import type { Socket } from 'node:net';
import { ByteQueue, Output, type OutputListener, openSocket, ReadPause } from '../../../io/index.ts';
import {
  encodeCommand,
  type Protocol,
  ReplyReader,
  type ReplySink,
  ReplyType,
  type RespFault,
  withoutArguments,
} from '../../../resp/index.ts';
import type { Login, ShardEndpoint } from '../../core/owner/pool.ts';
import type { RedisContext } from '../redis-context.ts';
import { CallQueue } from './call-queue.ts';
import { type Listener, NOBODY, type ReplyTaker } from './reply-taker.ts';

/** What a connection reports to its pool. */
export interface RedisConnectionOwner {
  /** It is up, and has said who it is: it takes commands. */
  onReady(connection: RedisConnection): void;
  /** All that was asked is answered. */
  onIdle(connection: RedisConnection): void;
  /** A client does not read its large answer: what is asked behind it waits. */
  onHeldUp(connection: RedisConnection): void;
  /** It is of no more use. What was in flight on it is told afterwards. @param wasReady it took commands */
  onClosed(connection: RedisConnection, reason: string, wasReady: boolean): void;
}

/** The default user's name: servers from before Redis 6 know no other, and take the password alone. */
const DEFAULT_USER = 'default';

/** A longer message for a subscriber is not passed on: its connection is lost, as that of a slow subscriber of Redis. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

/** A connection to a Redis server: commands go out in one write a turn, and replies come in their order. */
export class RedisConnection implements OutputListener, ReplySink {
  readonly protocol: Protocol;
  isReady = false;
  isClosed = false;
  /** When it had something to do last. */
  busyAtMs: number;
  /** How often in a row its pool has found that a reply is due, and that nothing has come since it looked before. */
  silentLooks = 0;
  /** Takes all that comes, where somebody listens. */
  listener: Listener | null = null;
  readonly #socket: Socket;
  readonly #context: RedisContext;
  readonly #owner: RedisConnectionOwner;
  readonly #output: Output;
  readonly #reader = new ReplyReader(this);
  /** The begin of a message for the listener. */
  readonly #message = new ByteQueue();
  readonly #calls = new CallQueue();
  readonly #pause: ReadPause;
  readonly #timer: NodeJS.Timeout;
  /** Called once the server takes commands again. */
  #awaitingWritable: Array<() => void> = [];
  /** Commands that wait for the connection to come up. */
  readonly #toSend: Uint8Array[] = [];
  #reason = 'closed by the shard';

  constructor(endpoint: ShardEndpoint, protocol: Protocol, context: RedisContext, owner: RedisConnectionOwner) {
    const { turn, buffers, limits } = context.core;
    this.protocol = protocol;
    this.#context = context;
    this.#owner = owner;
    this.busyAtMs = turn.nowMs;
    const socket = openSocket(endpoint, [], (bytes, start, end) => this.#receive(bytes, start, end));
    this.#socket = socket;
    this.#output = new Output(socket, buffers, turn, this);
    this.#pause = new ReadPause(socket);
    socket.once(endpoint.certificates === null ? 'connect' : 'secureConnect', () => this.#begin(endpoint));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason = error.code ?? error.message;
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#onClosed());
    this.#timer = setTimeout(
      () => this.fail(`no connection within ${limits.connectTimeoutMs} ms`),
      limits.connectTimeoutMs,
    );
  }

  // ---- beginning -----------------------------------------------------------------------------------------------------

  #begin({ login, isReplica }: ShardEndpoint): void {
    const onGreeted = (): void => this.#onGreeted(isReplica);
    const greeting = greetingOf(this.protocol, login);
    if (greeting === null) onGreeted();
    else {
      const taker: ReplyTaker = {
        ...NOBODY,
        onReply: (bytes, start, end, type) => {
          if (type === ReplyType.Error)
            this.fail(`it refuses the router: ${withoutArguments(textOf(bytes, start + 1, end))}`);
          else onGreeted();
        },
        onReplyPart: (_bytes, _start, _end, _type, isLast) => {
          if (isLast) onGreeted();
        },
      };
      this.#write(taker, greeting, 0, greeting.length, 1);
    }
  }

  #onGreeted(isReplica: boolean): void {
    clearTimeout(this.#timer);
    this.isReady = true;
    // A server without a cluster has nothing to say to it, and answers reads all the same.
    if (isReplica) this.sendAndForget(READONLY);
    for (const command of this.#toSend.splice(0)) this.sendAndForget(command);
    this.#owner.onReady(this);
  }

  // ---- commands ------------------------------------------------------------------------------------------------------

  /** Replies that have not come. */
  get inFlight(): number {
    return this.#calls.length;
  }

  /** The server does not take what is written as fast as it comes. */
  get isCongested(): boolean {
    return this.#output.congested;
  }

  /** Has a callback called, once, when the server takes more. */
  whenWritable(callback: () => void): void {
    this.#awaitingWritable.push(callback);
  }

  /** Sends commands that stand in bytes[start, end). @param replies how many of them there are */
  send(call: ReplyTaker, bytes: Uint8Array, start: number, end: number, replies = 1): void {
    this.#write(call, bytes, start, end, replies);
  }

  /** Sends a command whose reply nobody wants: once the connection is up. */
  sendAndForget(command: Uint8Array): void {
    if (this.isReady) this.#write(NOBODY, command, 0, command.length, 1);
    else this.#toSend.push(command);
  }

  #write(call: ReplyTaker, bytes: Uint8Array, start: number, end: number, replies: number): void {
    if (this.#calls.length === 0) this.silentLooks = 0;
    for (let i = 0; i < replies; i++) this.#calls.push(call);
    this.#output.append(bytes, start, end);
  }

  beforeFlush(): void {}

  onWritable(): void {
    const awaiting = this.#awaitingWritable;
    this.#awaitingWritable = [];
    for (const callback of awaiting) callback();
  }

  onUnread(): void {
    this.fail('it does not take what is sent');
  }

  /** Sends a command whose answer the listener takes. */
  sendUnanswered(command: Uint8Array): void {
    this.#output.append(command, 0, command.length);
  }

  /** Visits who waits for replies; one that waits for several is visited as often. */
  forEachCall(visit: (call: ReplyTaker) => void): void {
    this.#calls.forEach(visit);
  }

  // ---- replies -------------------------------------------------------------------------------------------------------

  #receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.isClosed) return;
    this.busyAtMs = this.#context.core.turn.begin();
    this.silentLooks = 0;
    this.#reader.receive(bytes, start, end);
    if (this.#calls.length === 0 && this.isReady && !this.isClosed) this.#owner.onIdle(this);
  }

  /** Looks whether a reply is due, or it has yet to come up. Where its client keeps it from being read, that is not the server's silence. */
  lookForReply(): void {
    const isDue = this.#calls.length > 0 || !this.isReady;
    this.silentLooks = isDue && !this.isHeldUp ? this.silentLooks + 1 : 0;
  }

  onReply(bytes: Uint8Array, start: number, end: number, type: number): void {
    // What was asked before somebody listened is answered before.
    if (this.listener !== null && this.#calls.length === 0) this.#onMessage(bytes, start, end);
    else if (type !== ReplyType.Push) {
      const call = this.#calls.shift();
      if (call === null) this.fail('it sent a reply unasked');
      else call.onReply(bytes, start, end, type);
    }
  }

  onReplyPart(bytes: Uint8Array, start: number, end: number, type: number, isLast: boolean): void {
    if (this.listener !== null && this.#calls.length === 0) this.#onMessagePart(bytes, start, end, isLast);
    else if (type !== ReplyType.Push) {
      const call = isLast ? this.#calls.shift() : this.#calls.first;
      if (call === null) this.fail('it sent a reply unasked');
      else call.onReplyPart(bytes, start, end, type, isLast);
    }
  }

  #onMessage(bytes: Uint8Array, start: number, end: number): void {
    this.listener?.onMessage(bytes, start, end);
  }

  /** Messages are passed on whole: nothing may come between the parts of one. */
  #onMessagePart(bytes: Uint8Array, start: number, end: number, isLast: boolean): void {
    this.#message.append(bytes, start, end);
    if (this.#message.length > MAX_MESSAGE_BYTES) this.fail('a message is too long');
    else if (isLast) {
      const whole = this.#message.takeAll();
      this.#onMessage(whole, 0, whole.length);
    }
  }

  onFault(fault: RespFault): void {
    this.fail(fault.message);
  }

  /** A client has to take what came for it before more is read. */
  get isHeldUp(): boolean {
    return this.#pause.isPaused;
  }

  /** Reads no more until the client that the reply is for has taken what came. */
  holdUp(): void {
    this.#pause.begin();
    this.#owner.onHeldUp(this);
  }

  goOn(): void {
    this.#pause.end();
  }

  // ---- its end -------------------------------------------------------------------------------------------------------

  /** Ends it because of what the server did, or did not do. */
  fail(reason: string): void {
    if (this.isClosed) return;
    this.#reason = reason;
    this.#onClosed();
  }

  /** Ends it; nobody waits for it. */
  destroy(): void {
    this.fail('given up');
  }

  #onClosed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.#reader.stop();
    this.#output.discard();
    this.#socket.destroy();
    this.#owner.onClosed(this, this.#reason, this.isReady);
    for (let call = this.#calls.shift(); call !== null; call = this.#calls.shift()) call.onLost(this.#reason);
    this.onWritable();
    this.listener?.onLost();
  }
}

/** Has a replica of a cluster answer reads of its primary's slots. */
const READONLY = encodeCommand(['READONLY']);

/** What a connection begins with; null where there is nothing to say. */
function greetingOf(protocol: Protocol, login: Login | null): Buffer | null {
  if (protocol === 3) {
    const auth = login === null ? [] : ['AUTH', login.username, login.password];
    return encodeCommand(['HELLO', '3', ...auth]);
  }
  if (login === null) return null;
  const { username, password } = login;
  return encodeCommand(username === DEFAULT_USER ? ['AUTH', password] : ['AUTH', username, password]);
}

/** The line of an error, without its end. */
function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('utf8').trimEnd();
}
