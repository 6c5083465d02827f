import { ByteQueue } from '../io/index.ts';
import { ErrorCode } from './error-codes.ts';
import type { Field, HeaderBlock } from './fields/index.ts';
import type { MessageHead } from './message-head.ts';

/**
 * What handles a stream's events. A handler serves many streams (both of a proxied exchange, say), and so is told
 * which; there is no closure per stream.
 */
export interface StreamHandler {
  /** A message's header section: an answer's, an informational (1xx) one before it. `block` and `head` are valid during the call. */
  onHeaders(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  onTrailers(stream: Stream, head: MessageHead, block: HeaderBlock): void;
  /**
   * Content, valid during the call. The peer's credit for the stream is spent and comes back by `Connection.grant`; the
   * connection's has been restored already.
   */
  onData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** The stream ended before its time; see `ResetCause`. No other event follows. */
  onReset(stream: Stream, code: number, cause: ResetCause): void;
  /** The peer's credit for the stream has grown, or its queued output has gone. */
  onCredit(stream: Stream): void;
}

/** No content, as `StreamHandler.onData` has it where a stream ends without more. */
export const NOTHING = new Uint8Array(0);

/** Handles nothing: for a stream that has no handler yet, or none any more. */
export const unhandled: StreamHandler = { onHeaders() {}, onTrailers() {}, onData() {}, onReset() {}, onCredit() {} };

/**
 * What carries streams: an HTTP/2 connection, or one of another version of HTTP that shows its messages as streams. The
 * code that handles a stream answers through this, and need not know which it is.
 */
export interface StreamConnection {
  /** The peer has shown that it is there and speaks the protocol. */
  readonly ready: boolean;
  /** Bytes may have reached the peer. */
  readonly connected: boolean;
  /** Why the connection is of no more use; empty while it is. */
  readonly endedBecause: string;
  /**
   * A stream can be reset with a code before its answer has begun. Where it cannot, only an answer can give a reason.
   */
  readonly resetsStreams: boolean;
  /** A 2xx answer to an extended CONNECT makes its stream a tunnel; where it does not, it is an answer like any other. */
  readonly tunnels: boolean;
  /** Sends a header section: a response's, or an informational one before it. */
  sendHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void;
  /** Sends trailers, behind the content that still waits. */
  sendTrailers(stream: Stream, block: HeaderBlock): void;
  /** Sends content; what cannot go out now is copied and waits. */
  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void;
  /** Lets the peer send again: at most as much as the receiver behind us, `limit`, can take at once. */
  grant(stream: Stream, limit: number): void;
  /**
   * An extended CONNECT is not taken: what follows is an answer with content, whatever its status.
   * @returns false where the peer would take a 2xx for a tunnel
   */
  declineTunnel(stream: Stream): boolean;
  /** Ends a stream before its time. Its handler is not told. */
  reset(stream: Stream, code: number): void;
  /** The same for a request that is not waited for any more, one of many that end together. */
  letGo(stream: Stream): void;
  /** Has the peer make another connection; what is open on this one goes on. */
  shutdown(reason: string): void;
  /** Cuts the connection: what has not been written is not. */
  destroy(): void;
}

/** How a stream came to be reset. */
export const ResetCause = {
  /** The peer sent RST_STREAM. */
  Peer: 0,
  /** The peer broke a rule on this stream; we have reset it. */
  Violation: 1,
  /** The peer's GOAWAY says that it was not processed: safe to send again. */
  Unprocessed: 2,
  /** The connection is gone. */
  ConnectionLost: 3,
  /** The peer takes what we send too slowly; we have reset it. It broke no rule. */
  TooSlow: 4,
} as const;
export type ResetCause = (typeof ResetCause)[keyof typeof ResetCause];

/** Whether a stream was reset before the peer began with it: then it is safe to send its request again (RFC 9113, 8.7). */
export function isUnprocessed(code: number, cause: ResetCause): boolean {
  return cause === ResetCause.Unprocessed || (cause === ResetCause.Peer && code === ErrorCode.RefusedStream);
}

/** What a request can be sent on. */
export interface RequestConnection {
  /** Opens a stream with a request; its content, if there is any, follows on the stream's own connection. */
  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream;
}

/** One stream of a connection. Its states (RFC 9113, 5.1) are the two flags: open, half-closed on either side, closed. */
export class Stream {
  readonly id: number;
  readonly connection: StreamConnection;
  handler: StreamHandler;
  /** What the peer lets us send. */
  sendWindow: number;
  /** What we have let the peer send and it has not. */
  receiveWindow: number;
  /** We have sent END_STREAM. */
  localEnded = false;
  /** The peer has. */
  remoteEnded = false;
  /** Both ended, or reset: no longer in its connection's table. */
  closed = false;
  /** The final header section has come (on a server, the request's). */
  headersReceived = false;
  /** The answer to HEAD has no content, whatever its content-length says. */
  isHead = false;
  /** Of a CONNECT: what follows its head, and that of its 2xx answer, is no content and has no length (RFC 9110, 9.3.6). */
  isTunnel = false;
  /** Content bytes that `content-length` still announces; -1 where it does not. */
  contentRemaining = -1;
  /** Output that waits for credit. */
  queue: OutputQueue | null = null;

  constructor(
    id: number,
    connection: StreamConnection,
    handler: StreamHandler,
    sendWindow: number,
    receiveWindow: number,
  ) {
    this.id = id;
    this.connection = connection;
    this.handler = handler;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** Bytes of content that wait for the peer's credit. */
  get queuedBytes(): number {
    return this.queue === null ? 0 : this.queue.content.length;
  }
}

/** Content, and then perhaps trailers, that the peer's windows or the socket do not let out yet. */
export class OutputQueue {
  readonly stream: Stream;
  /** Never empty: without content nothing has to wait. */
  readonly content = new ByteQueue();
  /** END_STREAM follows the content. */
  endStream = false;
  /** Trailers, which carry END_STREAM, follow the content (they must not overtake it). */
  trailers: readonly Field[] | null = null;
  /** When a byte last left the queue, for the limit on stalled windows. */
  movedAtMs: number;
  // Its neighbours among those that could send if the connection could; null where the stream's own window is used up.
  next: OutputQueue | null = null;
  previous: OutputQueue | null = null;

  constructor(stream: Stream, nowMs: number) {
    this.stream = stream;
    this.movedAtMs = nowMs;
  }
}
