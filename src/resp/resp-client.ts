import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { ByteQueue, openRawSocket, type SocketTarget } from '../io/index.ts';
import { decodeReply, type Reply, ReplyError, textOf } from './reply.ts';
import { ReplyReader, type ReplySink } from './reply-reader.ts';
import { encodeCommand } from './write.ts';

/** Who a client is to a server. */
export interface RespLogin {
  readonly username: string;
  readonly password: string;
}

/** A server could not be reached, did not answer in time, ended the connection, or refused the login. */
export class RespClientError extends Error {
  override readonly name: string = 'RespClientError';
}

/** The server is there, and does not let the client in. */
export class RespLoginRefused extends RespClientError {
  override readonly name = 'RespLoginRefused';
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RespClientError) => void;
}

/**
 * What may be said of a server's refusal of a login. A server that does not know the command, whose code is ERR, repeats what it was given: the
 * password included.
 */
export function withoutArguments(refusal: string): string {
  return refusal.startsWith('ERR ') ? 'ERR' : refusal;
}

/** More than any answer about a cluster takes; a server that sends more is none that should be asked. */
const MAX_REPLY_BYTES = 16 * 2 ** 20;
/** CLUSTER SLOTS of a cluster in which no two slots in a row have one owner has half of it. */
const MAX_REPLY_VALUES = 2 ** 20;

/** A connection over which a program asks a Redis server for something now and then. Routers have pools for what clients ask. */
export class RespClient implements ReplySink {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  readonly #reader = new ReplyReader(this);
  readonly #waiting: Waiting[] = [];
  readonly #parts = new ByteQueue();
  #timer: NodeJS.Timeout | undefined;
  #fault: RespClientError | null = null;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (bytes: Buffer) => this.#reader.receive(bytes, 0, bytes.length));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(error.code ?? error.message));
    socket.on('close', () => this.#fail('the server closed the connection'));
  }

  /**
   * Connects, and logs in where there is a login.
   * @param timeoutMs for the connection, and later for each answer
   * @throws RespClientError
   */
  static async connect(endpoint: SocketTarget, login: RespLogin | null, timeoutMs: number): Promise<RespClient> {
    const socket = await new Promise<Socket>((resolve, reject) =>
      openRawSocket(endpoint, [], timeoutMs, (error, opened) => {
        if (error === null) resolve(opened);
        else {
          const { code, message }: NodeJS.ErrnoException = error;
          reject(new RespClientError(code ?? message, { cause: error }));
        }
      }),
    );
    const client = new RespClient(socket, timeoutMs);
    if (login !== null) {
      // Before Redis 6, and in Kvrocks, AUTH takes a password alone.
      const names = login.username === 'default' ? [] : [login.username];
      const reply = await client.ask(['AUTH', ...names, login.password]);
      if (reply.type === 'error') {
        client.close();
        throw new RespLoginRefused(`the server refuses the login: ${withoutArguments(textOf(reply) ?? '')}`);
      }
    }
    return client;
  }

  get isClosed(): boolean {
    return this.#fault !== null;
  }

  /** The IP address that it is connected to; empty where it is not any more. */
  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? '';
  }

  /**
   * Asks something. Answers come in the order of what was asked; an error of the server is an answer, too.
   * @throws RespClientError; the connection is closed then
   */
  ask(words: ReadonlyArray<string | Uint8Array>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) {
        reject(this.#fault);
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#socket.write(encodeCommand(words));
      this.#timer ??= this.#startTimer();
    });
  }

  #startTimer(): NodeJS.Timeout {
    return setTimeout(() => this.#fail(`no answer within ${this.#timeoutMs} ms`), this.#timeoutMs);
  }

  onReply(bytes: Uint8Array, start: number, end: number): void {
    clearTimeout(this.#timer);
    const waiting = this.#waiting.shift();
    this.#timer = this.#waiting.length > 0 ? this.#startTimer() : undefined;
    if (waiting === undefined) {
      this.#fail('the server sent a reply unasked');
      return;
    }
    try {
      waiting.resolve(decodeReply(bytes, start, end, MAX_REPLY_VALUES));
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      const reason = `the server does not speak RESP: ${error.message}`;
      this.#fail(reason);
      waiting.reject(new RespClientError(reason, { cause: error }));
    }
  }

  onReplyPart(bytes: Uint8Array, start: number, end: number, _type: number, isLast: boolean): void {
    this.#parts.append(bytes, start, end);
    if (this.#parts.length > MAX_REPLY_BYTES) this.#fail(`an answer of over ${MAX_REPLY_BYTES} bytes`);
    else if (isLast) {
      const whole = this.#parts.takeAll();
      this.onReply(whole, 0, whole.length);
    }
  }

  onFault({ message }: { readonly message: string }): void {
    this.#fail(`the server does not speak RESP: ${message}`);
  }

  /** Ends the connection; what is asked at the time fails. */
  close(): void {
    this.#fail('closed');
  }

  #fail(reason: string): void {
    if (this.#fault !== null) return;
    this.#fault = new RespClientError(reason);
    clearTimeout(this.#timer);
    this.#reader.stop();
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#fault);
  }
}
