import type { Socket } from 'node:net';
import {
  ErrorCode,
  type FloodCause,
  type HeaderBlock,
  type HttpContext,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
  unhandled,
} from '../http/index.ts';
import { endSocket, Output, type OutputListener } from '../io/index.ts';
import { CancelledStreams } from './cancelled-streams.ts';
import { FrameWriter } from './frame-writer.ts';
import { MAXIMUM_STREAM_ID } from './frames.ts';
import { methodOf } from './message-rules.ts';
import { Pings } from './pings.ts';
import { ReceiveWindows } from './receive-windows.ts';
import { Receiver, type ReceivingConnection, type RequestReceiver } from './receiver.ts';
import { Sender, type SenderListener } from './sender.ts';
import { ownSettings, type PeerSettings } from './settings.ts';
import { StreamTable } from './stream-table.ts';

type State = 'open' | 'draining' | 'failed' | 'closed';

/** What a connection reports to its owner. */
export interface ConnectionHandler extends RequestReceiver {
  /** More streams may be opened than before: one has closed, or the peer's SETTINGS have come. */
  onCapacity(connection: Connection): void;
  /** The peer takes no new streams; called once. Those that it did not process have been reset as `Unprocessed`. */
  onGoaway(connection: Connection, code: number): void;
  /** The connection is of no more use; its streams' handlers have been called. `reason`: null where it ended in order. */
  onClosed(connection: Connection, reason: string | null): void;
  /** The peer went over a limit. */
  onFlood(connection: Connection, cause: FloodCause): void;
}

/**
 * One HTTP/2 connection, as client or as server, over a socket: the state machine of RFC 9113. It knows streams and
 * messages, and nothing of what is in them.
 */
export class Connection implements OutputListener, ReceivingConnection, StreamConnection {
  readonly resetsStreams = true;
  readonly tunnels = true;
  readonly isServer: boolean;
  readonly #socket: Socket;
  readonly #context: HttpContext;
  readonly #handler: ConnectionHandler;
  readonly #receiver: Receiver;
  readonly #output: Output;
  readonly #writer: FrameWriter;
  readonly #sender: Sender;
  readonly #streams = new StreamTable();
  readonly #windows: ReceiveWindows;
  #state: State = 'open';
  /** The id of the next stream that we open. */
  nextStreamId: number;
  #peerGoneAway = false;
  /** Why the connection is of no more use; empty while it is, and where it ended in order. */
  endedBecause = '';
  readonly createdMs: number;
  #greeted = false;
  /** Of streams that we open. */
  readonly #cancelled: CancelledStreams | null;
  readonly #pings: Pings;

  constructor(socket: Socket, isServer: boolean, context: HttpContext, handler: ConnectionHandler) {
    this.isServer = isServer;
    this.createdMs = context.turn.nowMs;
    this.#cancelled = isServer ? null : new CancelledStreams(context.turn.nowMs);
    this.#socket = socket;
    this.#context = context;
    this.#handler = handler;
    this.nextStreamId = isServer ? 2 : 1;
    this.#output = new Output(socket, context.buffers, context.turn, this);
    this.#writer = new FrameWriter(this.#output);
    this.#windows = new ReceiveWindows(isServer, context, this.#writer);
    this.#pings = new Pings(this.#writer, () => context.turn.flushSoon(this.#output));
    const sending: SenderListener = {
      onLocalEnd: (stream) => {
        stream.localEnded = true;
        this.closeIfEnded(stream);
      },
      onDataSent: () => this.#receiver.earn(),
      onOverfull: (stream) => {
        this.#handler.onFlood(this, 'backlog');
        this.resetAndNotify(stream, ErrorCode.EnhanceYourCalm, ResetCause.TooSlow);
      },
    };
    this.#sender = new Sender(this.#output, this.#writer, context, this.#streams, sending);
    this.#receiver = new Receiver({
      connection: this,
      context,
      handler,
      streams: this.#streams,
      sender: this.#sender,
      writer: this.#writer,
      windows: this.#windows,
      pings: this.#pings,
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? error.message));
    socket.on('end', () => this.#lost(this.#streams.count === 0 ? null : 'closed by the peer'));
    socket.on('close', () => this.#lost('closed'));
    if (!isServer) this.greet();
  }

  /** A server greets once it knows that the client speaks HTTP/2: until then another protocol may be answered. */
  greet(): void {
    if (this.#greeted) return;
    this.#greeted = true;
    if (!this.isServer) this.#writer.preface();
    this.#writer.settings(ownSettings(this.isServer, this.#windows.first, this.#context.limits));
    this.#windows.announce();
  }

  /**
   * Begins with a complete request that came as HTTP/1.1 with `Upgrade: h2c` (RFC 7540, 3.2; RFC 9113 has no more of it,
   * clients do): it is stream 1. The client's preface follows.
   * @param settings the payload of its SETTINGS frame. @returns false where it is none
   */
  beginUpgraded(settings: Uint8Array, block: HeaderBlock): boolean {
    this.greet();
    return this.#receiver.beginUpgraded(settings, block);
  }

  /** Takes bytes from the socket; its owner reads it, because upstream and accepted sockets are best read differently. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#context.turn.begin();
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#receiver.receive(bytes, start, end);
  }

  // ---- what a client may ask -------------------------------------------------------------------------------------

  get openStreams(): number {
    return this.#streams.count;
  }

  forEachStream(visit: (stream: Stream) => void): void {
    this.#streams.forEach(visit);
  }

  get peerSettings(): PeerSettings {
    return this.#sender.peer;
  }

  get connected(): boolean {
    return this.#output.connected;
  }

  /** The peer's SETTINGS have come, so that its limits are known. */
  get ready(): boolean {
    return this.#receiver.settingsReceived;
  }

  /** New streams may be opened here, as far as the peer's limit allows. */
  get usable(): boolean {
    return this.#state === 'open' && !this.#peerGoneAway && this.nextStreamId <= MAXIMUM_STREAM_ID;
  }

  /** Opens a stream with a request (clients only; the caller has looked at `usable` and the peer's limit). */
  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const stream = this.openStream(this.nextStreamId, handler);
    this.nextStreamId += 2;
    const method = methodOf(block);
    stream.isHead = method === 'HEAD';
    stream.isTunnel = method === 'CONNECT';
    this.#sender.headers(stream, block, endStream);
    return stream;
  }

  /** Puts a new stream into the table; a request of the peer's, or of ours. */
  openStream(id: number, handler: StreamHandler): Stream {
    const { initialWindowSize } = this.#sender.peer;
    const stream = new Stream(id, this, handler, initialWindowSize, this.#windows.first);
    this.#streams.add(stream);
    return stream;
  }

  // ---- what a stream's handler may ask ---------------------------------------------------------------------------

  sendHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.#sender.headers(stream, block, endStream);
  }

  sendTrailers(stream: Stream, block: HeaderBlock): void {
    if (!stream.closed && !stream.localEnded) this.#sender.trailers(stream, block);
  }

  /** Sends content; what the peer's windows do not let out is copied and waits. */
  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.#sender.data(stream, bytes, start, end, endStream);
  }

  grant(stream: Stream, limit: number): void {
    this.#windows.grant(stream, limit);
  }

  declineTunnel(): boolean {
    return false;
  }

  reset(stream: Stream, code: number): void {
    if (!stream.closed) this.#resetNow(stream, code);
  }

  /**
   * Ends a request of ours that is not waited for any more, one of many: it is let go, and the peer is told at once or
   * later, so that it does not take their number for an attack.
   */
  letGo(stream: Stream): void {
    if (stream.closed) return;
    const cancelled = this.#cancelled;
    // One whose request is not complete cannot be left alone: the peer waits for the rest.
    if (cancelled === null || !stream.localEnded || cancelled.take(this.#context.turn.nowMs))
      this.#resetNow(stream, ErrorCode.Cancel);
    else {
      stream.handler = unhandled;
      cancelled.postpone(stream);
    }
  }

  #resetNow(stream: Stream, code: number): void {
    if (this.#state !== 'closed' && this.#state !== 'failed') {
      this.#writer.reset(stream.id, code);
      this.#receiver.peerStreams.rememberReset(stream.id);
    }
    this.closeStream(stream);
  }

  // ---- the end of a connection -----------------------------------------------------------------------------------

  /**
   * Ends the connection in order, in two steps (RFC 9113, 6.8): a GOAWAY that announces it while everything is still
   * accepted, and after a round trip the one that names the last stream. Open streams run on; then the socket closes.
   */
  shutdown(reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    if (!this.isServer) {
      this.#closeWhenIdle();
      return;
    }
    this.#writer.goaway(MAXIMUM_STREAM_ID, ErrorCode.NoError, reason);
    this.#pings.awaitRoundTrip(() => {
      this.#receiver.peerStreams.acceptNoMore();
      this.#writer.goaway(this.#receiver.peerStreams.last, ErrorCode.NoError, reason);
      this.#closeWhenIdle();
    });
  }

  /** Ends the connection at once, telling the peer why: it broke the protocol, and so its streams' handlers are told. */
  fail(code: number, reason: string): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#state = 'failed';
    this.endedBecause = reason;
    this.#receiver.stop();
    this.#writer.goaway(this.#receiver.peerStreams.last, code, reason);
    this.#output.flushAll();
    // A peer that does not read is not waited for.
    if (this.#output.congested) this.#socket.destroy();
    else endSocket(this.#socket);
    this.#loseStreams(ResetCause.Violation);
    this.#handler.onClosed(this, reason);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
    this.#lost('closed here');
  }

  #closeWhenIdle(): void {
    if (this.#streams.count > 0 || this.#state === 'closed' || this.#pings.awaitsRoundTrip) return;
    if (this.#state !== 'draining' && !this.#peerGoneAway) return;
    this.#state = 'closed';
    this.#output.flushAll();
    endSocket(this.#socket, () => this.#handler.onClosed(this, null));
  }

  #lost(reason: string | null): void {
    if (this.#state === 'closed') return;
    const alreadyFailed = this.#state === 'failed';
    if (!alreadyFailed) this.endedBecause = reason ?? '';
    this.#state = 'closed';
    this.#receiver.stop();
    this.#output.discard();
    this.#socket.destroy();
    this.#loseStreams(ResetCause.ConnectionLost);
    if (!alreadyFailed) this.#handler.onClosed(this, reason);
  }

  #loseStreams(cause: ResetCause): void {
    this.#streams.forEach((stream) => {
      this.closeStream(stream);
      stream.handler.onReset(stream, ErrorCode.InternalError, cause);
    });
  }

  /** Called every second or so: ends connections that do not begin, and streams whose peer grants nothing for long. */
  sweep(nowMs: number): void {
    // Of thousands of streams that are not waited for, the peer would hear of the last after minutes.
    if (this.#cancelled?.areAll(this.#streams.count)) this.fail(ErrorCode.NoError, 'nothing on it is waited for');
    this.#cancelled?.resetDue(nowMs, (stream) => this.#resetNow(stream, ErrorCode.Cancel));
    if (this.#state === 'closed' || this.#state === 'failed') return;
    const { limits } = this.#context;
    if (nowMs - this.#receiver.owedSinceMs > limits.requestHeadTimeoutMs) {
      this.#handler.onFlood(this, 'slow');
      if (this.#greeted) this.fail(ErrorCode.EnhanceYourCalm, 'a frame or header block took too long');
      else this.destroy();
      return;
    }
    for (const stream of this.#sender.stalledSince(nowMs - limits.stalledWindowMs)) {
      this.#handler.onFlood(this, 'stalled');
      this.resetAndNotify(stream, ErrorCode.EnhanceYourCalm, ResetCause.TooSlow);
    }
  }

  /** Ends the connection because of a limit, and counts it. */
  flood(cause: FloodCause, reason: string): void {
    this.#handler.onFlood(this, cause);
    this.fail(ErrorCode.EnhanceYourCalm, reason);
  }

  countFlood(cause: FloodCause): void {
    this.#handler.onFlood(this, cause);
  }

  onCapacity(): void {
    this.#handler.onCapacity(this);
  }

  /** Streams of ours that are open to the peer, and are not waited for any more. */
  get cancelledStreams(): number {
    return this.#cancelled?.count ?? 0;
  }

  // ---- streams' ends ---------------------------------------------------------------------------------------------

  closeIfEnded(stream: Stream): void {
    if (stream.localEnded && stream.remoteEnded) this.closeStream(stream);
  }

  /** Takes a stream out of the table, whatever was under way on it. */
  closeStream(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.remove(stream);
    this.#cancelled?.forget(stream);
    this.#sender.abandon(stream);
    if (this.#state === 'draining' || this.#peerGoneAway) this.#closeWhenIdle();
    else if (!this.isServer && this.#state === 'open') this.#handler.onCapacity(this);
  }

  /** Resets a stream on which the peer broke a rule, or went beyond what we put up with. */
  resetAndNotify(stream: Stream, code: number, cause: ResetCause = ResetCause.Violation): void {
    this.reset(stream, code);
    stream.handler.onReset(stream, code, cause);
  }

  // ---- what the receiver hands on --------------------------------------------------------------------------------

  onPeerGoaway(lastStreamId: number, code: number): void {
    const isFirst = !this.#peerGoneAway;
    this.#peerGoneAway = true;
    if (!this.isServer) {
      this.#streams.forEach((stream) => {
        if (stream.id <= lastStreamId) return;
        this.closeStream(stream);
        stream.handler.onReset(stream, ErrorCode.RefusedStream, ResetCause.Unprocessed);
      });
    }
    // A second one names an earlier stream (RFC 9113, 6.8), and is no news otherwise.
    if (isFirst) this.#handler.onGoaway(this, code);
    this.#closeWhenIdle();
  }

  onWrongPreface(): void {
    this.#handler.onFlood(this, 'preface');
    this.fail(ErrorCode.ProtocolError, 'not the HTTP/2 connection preface');
  }

  // ---- output ----------------------------------------------------------------------------------------------------

  beforeFlush(): void {
    if (this.#state !== 'closed') this.#pings.flush();
  }

  onWritable(): void {
    if (this.#state === 'open' || this.#state === 'draining') this.#sender.sendWaiting();
  }

  /** A peer that does not read would not read a GOAWAY either. */
  onUnread(): void {
    if (this.#state === 'closed') return;
    this.#handler.onFlood(this, 'unsent');
    this.destroy();
  }
}
