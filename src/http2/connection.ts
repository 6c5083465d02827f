import type { Socket } from 'node:net';
import { ErrorCode } from './error-codes.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW, MAXIMUM_STREAM_ID } from './frames.ts';
import { DEFAULT_TABLE_SIZE, type Field, type FieldCache, type HeaderBlock, HpackDecoder } from './hpack/index.ts';
import { type FloodCause, type Http2Limits, TokenBucket } from './limits.ts';
import type { MessageHead } from './message-head.ts';
import { type BufferPool, Output, type OutputListener } from './output.ts';
import { Sender } from './sender.ts';
import { applySettings, type PeerSettings, Setting } from './settings.ts';
import { ResetCause, Stream, type StreamHandler } from './stream.ts';
import { StreamTable } from './stream-table.ts';
import type { Turn } from './turn.ts';

/** What the connections of a thread share. */
export interface Http2Context {
  readonly turn: Turn;
  readonly buffers: BufferPool;
  readonly fields: FieldCache;
  readonly limits: Http2Limits;
  /** Scratch: the message that is being received. */
  readonly block: HeaderBlock;
  readonly head: MessageHead;
}

/** What a connection tells its owner. */
export interface ConnectionHandler {
  /** A request has come (servers only). The owner sets `stream.handler` during the call. */
  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
  /** More streams may be opened than before: one has closed, or the peer's SETTINGS have come. */
  onCapacity(connection: Connection): void;
  /** The peer takes no new streams. Those that it did not process have been reset as `Unprocessed`. */
  onGoaway(connection: Connection, code: number): void;
  /** The connection is of no more use; its streams have been told. `reason` is null where it ended in order. */
  onClosed(connection: Connection, reason: string | null): void;
  /** The peer went over a limit. */
  onFlood(connection: Connection, cause: FloodCause): void;
  /** The peer does not speak HTTP/2. @returns what to answer before the connection ends, or null for a GOAWAY */
  onWrongPreface(connection: Connection, bytes: Uint8Array): Uint8Array | null;
}

/** Ids of streams that we have reset, whose frames may still be under way (RFC 9113, 5.1 "closed"). */
const REMEMBERED_RESETS = 256;
/** Gaps in the ids that a client used, remembered to tell a stream that never was from one that is over. */
const REMEMBERED_GAPS = 16;
/** PINGs to be answered together; one more has them sent at once. */
const MOST_PENDING_PINGS = 4;
/** After an error the peer gets this long to read our GOAWAY before the socket goes. */
const LINGER_MS = 1000;
/** Marks our PING of a shutdown. */
const SHUTDOWN_PING = Buffer.from('shutdown', 'latin1');

const unhandled: StreamHandler = {
  onHeaders() {},
  onTrailers() {},
  onData() {},
  onReset() {},
  onCredit() {},
};

type State = 'open' | 'draining' | 'failed' | 'closed';

/**
 * One HTTP/2 connection, as client or as server, over a socket: the state machine of RFC 9113. It knows streams and
 * messages, and nothing of what is in them.
 */
export class Connection implements FrameSink, OutputListener {
  readonly isServer: boolean;
  readonly #socket: Socket;
  readonly #context: Http2Context;
  readonly #handler: ConnectionHandler;
  readonly #reader: FrameReader;
  readonly #output: Output;
  readonly #writer: FrameWriter;
  readonly #sender: Sender;
  readonly #decoder: HpackDecoder;
  readonly #streams = new StreamTable();
  readonly #resets: TokenBucket;
  readonly #controlFrames: TokenBucket;
  #state: State = 'open';
  #nextStreamId: number;
  /** The highest stream that the peer has opened. */
  #lastPeerStreamId = 0;
  /** The last of the peer's streams that we promised to process; beyond it we ignore. */
  #lastAcceptedId = MAXIMUM_STREAM_ID;
  #peerGoneAway = false;
  #settingsReceived = false;
  #receiveWindow: number;
  #resetIds: number[] = [];
  #gaps: Array<readonly [first: number, last: number]> = [];
  #pendingPings: Uint8Array[] = [];
  #onShutdownAcknowledged: (() => void) | null = null;

  constructor(socket: Socket, isServer: boolean, context: Http2Context, handler: ConnectionHandler) {
    const { limits } = context;
    this.isServer = isServer;
    this.#socket = socket;
    this.#context = context;
    this.#handler = handler;
    this.#nextStreamId = isServer ? 2 : 1;
    this.#receiveWindow = Math.max(DEFAULT_WINDOW, limits.connectionWindowBytes);
    this.#reader = new FrameReader(this, limits, isServer);
    this.#output = new Output(socket, context.buffers, context.turn, this);
    this.#writer = new FrameWriter(this.#output);
    this.#sender = new Sender(this.#output, this.#writer, context.turn, this.#streams, (stream) => {
      stream.localEnded = true;
      this.#closeIfEnded(stream);
    });
    this.#decoder = new HpackDecoder(context.fields, DEFAULT_TABLE_SIZE, limits.maxHeaderListBytes);
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond);
    this.#controlFrames = new TokenBucket(limits.controlFrameBurst, limits.controlFramesPerSecond);
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? error.message));
    socket.on('end', () => this.#lost(this.#streams.count === 0 ? null : 'closed by the peer'));
    socket.on('close', () => this.#lost('closed'));
    if (!isServer) this.#greet();
  }

  /** A server greets once it knows that the client speaks HTTP/2: until then another protocol may be answered. */
  #greet(): void {
    const { limits } = this.#context;
    if (!this.isServer) this.#writer.preface();
    const entries: Array<readonly [number, number]> = [
      [Setting.InitialWindowSize, limits.streamWindowBytes],
      [Setting.MaxHeaderListSize, limits.maxHeaderListBytes],
    ];
    if (this.isServer) entries.push([Setting.MaxConcurrentStreams, limits.maxConcurrentStreams]);
    else entries.push([Setting.EnablePush, 0]);
    this.#writer.settings(entries);
    if (this.#receiveWindow > DEFAULT_WINDOW) this.#writer.windowUpdate(0, this.#receiveWindow - DEFAULT_WINDOW);
  }

  /** Takes bytes from the socket; its owner reads it, because upstream and accepted sockets are best read differently. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#context.turn.begin();
    this.#reader.receive(bytes, start, end);
  }

  // ---- what a client may ask -------------------------------------------------------------------------------------

  get openStreams(): number {
    return this.#streams.count;
  }

  get peerSettings(): PeerSettings {
    return this.#sender.peer;
  }

  /** The peer's SETTINGS have come, so that its limits are known. */
  get ready(): boolean {
    return this.#settingsReceived;
  }

  /** New streams may be opened here, as far as the peer's limit allows. */
  get usable(): boolean {
    return this.#state === 'open' && !this.#peerGoneAway && this.#nextStreamId <= MAXIMUM_STREAM_ID;
  }

  get remoteAddress(): string {
    return `${this.#socket.remoteAddress}:${this.#socket.remotePort}`;
  }

  /** Opens a stream with a request (clients only; the caller has looked at `usable` and the peer's limit). */
  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const stream = this.#makeStream(this.#nextStreamId, handler);
    this.#nextStreamId += 2;
    this.#sender.headers(stream, block, endStream);
    return stream;
  }

  #makeStream(id: number, handler: StreamHandler): Stream {
    const { initialWindowSize } = this.#sender.peer;
    const stream = new Stream(id, this, handler, initialWindowSize, this.#context.limits.streamWindowBytes);
    this.#streams.add(stream);
    return stream;
  }

  // ---- what a stream's handler may ask ---------------------------------------------------------------------------

  /** Sends a header section: a response's, or an informational one before it. */
  sendHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.#sender.headers(stream, block, endStream);
  }

  /** Sends trailers, behind the content that still waits. */
  sendTrailers(stream: Stream, block: HeaderBlock): void {
    if (!stream.closed && !stream.localEnded) this.#sender.trailers(stream, block);
  }

  /** Sends content; what the peer's windows do not let out is copied and waits. */
  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.#sender.data(stream, bytes, start, end, endStream);
  }

  /**
   * Lets the peer send again on a stream of which it has used more than half its window: up to the window, and not
   * beyond `limit`, what the receiver behind us can take at once. So nothing piles up here, and a receiver's window that
   * is smaller than ours cannot lead to a deadlock.
   */
  grant(stream: Stream, limit: number): void {
    if (stream.closed || stream.remoteEnded) return;
    const window = this.#context.limits.streamWindowBytes;
    if (stream.receiveWindow >= window >> 1) return;
    const target = Math.min(limit, window);
    if (target <= stream.receiveWindow) return;
    this.#writer.windowUpdate(stream.id, target - stream.receiveWindow);
    stream.receiveWindow = target;
  }

  /** Ends a stream before its time. Its handler is not told. */
  reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    if (this.#state !== 'closed' && this.#state !== 'failed') {
      this.#writer.reset(stream.id, code);
      this.#rememberReset(stream.id);
    }
    this.#close(stream);
  }

  #rememberReset(id: number): void {
    if (this.#resetIds.length >= REMEMBERED_RESETS) this.#resetIds.shift();
    this.#resetIds.push(id);
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
    this.#writer.ping(SHUTDOWN_PING, false);
    this.#onShutdownAcknowledged = () => {
      this.#lastAcceptedId = this.#lastPeerStreamId;
      this.#writer.goaway(this.#lastAcceptedId, ErrorCode.NoError, reason);
      this.#closeWhenIdle();
    };
  }

  /** Ends the connection at once, telling the peer why. Streams' handlers are told that it is lost. */
  fail(code: number, reason: string): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    this.#state = 'failed';
    this.#reader.stop();
    this.#writer.goaway(this.#lastPeerStreamId, code, reason);
    this.#output.flush();
    this.#socket.end();
    this.#afterEnd(reason);
  }

  /** The peer keeps a moment to read what was written; what it still sends is not read. */
  #afterEnd(reason: string | null): void {
    this.#loseStreams();
    this.#handler.onClosed(this, reason);
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
    this.#lost('closed here');
  }

  #closeWhenIdle(): void {
    const awaitsRoundTrip = this.#onShutdownAcknowledged !== null;
    if (this.#streams.count > 0 || this.#state === 'closed' || awaitsRoundTrip) return;
    if (this.#state !== 'draining' && !this.#peerGoneAway) return;
    this.#state = 'closed';
    this.#output.flush();
    this.#socket.end();
    this.#writer.encoder.release();
    this.#handler.onClosed(this, null);
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  #lost(reason: string | null): void {
    if (this.#state === 'closed') return;
    const told = this.#state === 'failed';
    this.#state = 'closed';
    this.#reader.stop();
    this.#output.discard();
    this.#socket.destroy();
    this.#loseStreams();
    this.#writer.encoder.release();
    if (!told) this.#handler.onClosed(this, reason);
  }

  #loseStreams(): void {
    this.#streams.forEach((stream) => {
      this.#close(stream);
      stream.handler.onReset(stream, ErrorCode.InternalError, ResetCause.ConnectionLost);
    });
  }

  /** To be called every second or so: ends streams whose peer has granted nothing for too long. */
  sweep(nowMs: number): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    const { limits } = this.#context;
    for (const stream of this.#sender.stalledSince(nowMs - limits.stalledWindowMs)) {
      this.#handler.onFlood(this, 'stalled');
      this.#resetAndTell(stream, ErrorCode.EnhanceYourCalm);
    }
    if (this.#output.unsentBytes > limits.maxUnsentBytes) this.#flood('unsent', 'reads too slowly');
  }

  #flood(cause: FloodCause, reason: string): void {
    this.#handler.onFlood(this, cause);
    this.fail(ErrorCode.EnhanceYourCalm, reason);
  }

  // ---- streams' ends ---------------------------------------------------------------------------------------------

  #closeIfEnded(stream: Stream): void {
    if (stream.localEnded && stream.remoteEnded) this.#close(stream);
  }

  #close(stream: Stream): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.remove(stream);
    this.#sender.abandon(stream);
    if (this.#state === 'draining' || this.#peerGoneAway) this.#closeWhenIdle();
    else if (!this.isServer && this.#state === 'open') this.#handler.onCapacity(this);
  }

  #resetAndTell(stream: Stream, code: number): void {
    this.reset(stream, code);
    stream.handler.onReset(stream, code, ResetCause.Violation);
  }

  // ---- frames ----------------------------------------------------------------------------------------------------

  onDataFrame(id: number, flowLength: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.#receiveWindow -= flowLength;
    if (this.#receiveWindow < this.#context.limits.connectionWindowBytes >> 1 && !this.#restoreWindow()) return;
    const stream = this.#streams.get(id);
    if (stream === null) {
      this.#onFrameOfNoStream(id, ErrorCode.StreamClosed);
      return;
    }
    if (stream.remoteEnded) {
      this.#resetAndTell(stream, ErrorCode.StreamClosed);
      return;
    }
    stream.receiveWindow -= flowLength;
    if (stream.receiveWindow < 0) {
      this.#resetAndTell(stream, ErrorCode.FlowControlError);
      return;
    }
    if (!stream.headersReceived) {
      this.#resetAndTell(stream, ErrorCode.ProtocolError);
      return;
    }
    if (start === end && flowLength === 0 && !endStream) {
      this.#countControlFrame();
      return;
    }
    if (stream.contentRemaining >= 0) {
      stream.contentRemaining -= end - start;
      if (stream.contentRemaining < 0 || (endStream && stream.contentRemaining > 0)) {
        this.#resetAndTell(stream, ErrorCode.ProtocolError);
        return;
      }
    }
    this.#controlFrames.earn();
    if (endStream) stream.remoteEnded = true;
    stream.handler.onData(stream, bytes, start, end, endStream);
    if (endStream) this.#closeIfEnded(stream);
  }

  /** Credits the connection with what it has used. @returns false where the peer sent more than it might */
  #restoreWindow(): boolean {
    if (this.#receiveWindow < 0) {
      this.fail(ErrorCode.FlowControlError, 'more than the connection window');
      return false;
    }
    const full = Math.max(DEFAULT_WINDOW, this.#context.limits.connectionWindowBytes);
    this.#writer.windowUpdate(0, full - this.#receiveWindow);
    this.#receiveWindow = full;
    return true;
  }

  onHeaderBlock(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { block } = this.#context;
    if (!this.#decoder.decode(bytes, start, end, block)) {
      this.fail(ErrorCode.CompressionError, 'a header block that is not valid HPACK');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === null) {
      if (this.isServer) this.#onRequestBlock(id, block, endStream);
      else this.#onFrameOfNoStream(id, ErrorCode.StreamClosed);
      return;
    }
    if (stream.remoteEnded) {
      this.fail(ErrorCode.StreamClosed, `HEADERS on stream ${id}, which has ended`);
      return;
    }
    if (block.tooLarge) this.#onTooLarge(stream);
    else if (stream.headersReceived) this.#onTrailerBlock(stream, block, endStream);
    else this.#onResponseBlock(stream, block, endStream);
  }

  #onTooLarge(stream: Stream): void {
    this.#handler.onFlood(this, 'headers');
    this.#resetAndTell(stream, ErrorCode.EnhanceYourCalm);
  }

  #onRequestBlock(id: number, block: HeaderBlock, endStream: boolean): void {
    if (!this.#acceptId(id)) return;
    this.#controlFrames.earn();
    if (this.#streams.count >= this.#context.limits.maxConcurrentStreams) {
      this.#refuse(id, ErrorCode.RefusedStream);
      return;
    }
    if (block.tooLarge) {
      this.#handler.onFlood(this, 'headers');
      this.#refuse(id, ErrorCode.EnhanceYourCalm);
      return;
    }
    const { head } = this.#context;
    if (head.readRequest(block) !== null || (endStream && head.contentLength > 0)) {
      this.#refuse(id, ErrorCode.ProtocolError);
      return;
    }
    const stream = this.#makeStream(id, unhandled);
    stream.headersReceived = true;
    stream.contentRemaining = head.contentLength;
    stream.remoteEnded = endStream;
    this.#handler.onRequest(stream, head, block, endStream);
  }

  /** Whether a request with this id may begin now; else it has been dealt with. */
  #acceptId(id: number): boolean {
    if ((id & 1) === 0) {
      this.fail(ErrorCode.ProtocolError, `a request on stream ${id}, which is even`);
      return false;
    }
    if (id <= this.#lastPeerStreamId) {
      if (this.#resetIds.includes(id)) return false;
      const skipped = this.#gaps.some(([first, last]) => id >= first && id <= last);
      const code = skipped ? ErrorCode.ProtocolError : ErrorCode.StreamClosed;
      this.fail(code, `a request on stream ${id}, after ${this.#lastPeerStreamId}`);
      return false;
    }
    if (id > this.#lastPeerStreamId + 2) {
      if (this.#gaps.length >= REMEMBERED_GAPS) this.#gaps.shift();
      this.#gaps.push([this.#lastPeerStreamId + 2, id - 2]);
    }
    // Behind our last GOAWAY the peer knows that it was not processed.
    if (id > this.#lastAcceptedId) return false;
    this.#lastPeerStreamId = id;
    return true;
  }

  #refuse(id: number, code: number): void {
    this.#writer.reset(id, code);
    this.#rememberReset(id);
  }

  #onResponseBlock(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const { head } = this.#context;
    if (head.readResponse(block) !== null) {
      this.#resetAndTell(stream, ErrorCode.ProtocolError);
      return;
    }
    const informational = (head.status as Field).integer < 200;
    if (informational && endStream) {
      this.#resetAndTell(stream, ErrorCode.ProtocolError);
      return;
    }
    if (!informational) {
      stream.headersReceived = true;
      // Without content (a HEAD's answer, 304) a content-length tells of another message (RFC 9113, 8.1.1).
      if (!endStream) stream.contentRemaining = head.contentLength;
    }
    if (endStream) stream.remoteEnded = true;
    stream.handler.onHeaders(stream, head, block, endStream);
    if (endStream) this.#closeIfEnded(stream);
  }

  #onTrailerBlock(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const { head } = this.#context;
    if (!endStream || stream.contentRemaining > 0 || head.readTrailers(block) !== null) {
      this.#resetAndTell(stream, ErrorCode.ProtocolError);
      return;
    }
    stream.remoteEnded = true;
    stream.handler.onTrailers(stream, head, block);
    this.#closeIfEnded(stream);
  }

  /** A frame for a stream that is not open: none that was ever opened is an error, one that is over is ignored or refused. */
  #onFrameOfNoStream(id: number, code: number | null): void {
    const isPeers = (id & 1) === (this.isServer ? 1 : 0);
    const idle = isPeers ? id > this.#lastPeerStreamId : id >= this.#nextStreamId;
    if (idle) {
      if (id <= this.#lastAcceptedId) this.fail(ErrorCode.ProtocolError, `a frame on stream ${id}, which is idle`);
      return;
    }
    if (code === null || !this.isServer || this.#resetIds.includes(id)) return;
    this.#refuse(id, code);
  }

  onReset(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream === null) {
      this.#onFrameOfNoStream(id, null);
      return;
    }
    if (this.isServer && !this.#resets.take(this.#context.turn.nowMs)) {
      this.#flood('resets', 'too many resets');
      return;
    }
    this.#close(stream);
    stream.handler.onReset(stream, code, ResetCause.Peer);
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#countControlFrame()) return;
    const { peer } = this.#sender;
    const { initialWindowSize } = peer;
    const error = applySettings(bytes, start, end, peer);
    if (error !== ErrorCode.NoError) {
      this.fail(error, 'a setting out of its range');
      return;
    }
    this.#writer.encoder.setTableSize(peer.headerTableSize);
    this.#writer.settingsAck();
    this.#settingsReceived = true;
    const delta = peer.initialWindowSize - initialWindowSize;
    if (delta !== 0 && !this.#sender.adjustStreams(delta))
      this.fail(ErrorCode.FlowControlError, 'an initial window that overflows a stream');
    else this.#handler.onCapacity(this);
  }

  onSettingsAck(): void {
    this.#countControlFrame();
  }

  onPing(bytes: Uint8Array, start: number): void {
    if (!this.#countControlFrame()) return;
    this.#pendingPings.push(new Uint8Array(bytes.subarray(start, start + 8)));
    if (this.#pendingPings.length >= MOST_PENDING_PINGS) this.beforeFlush();
    else if (this.#pendingPings.length === 1) this.#context.turn.flushSoon(this.#output);
  }

  onPingAck(bytes: Uint8Array, start: number): void {
    if (!this.#countControlFrame()) return;
    const acknowledged = this.#onShutdownAcknowledged;
    if (acknowledged === null || !SHUTDOWN_PING.equals(bytes.subarray(start, start + 8))) return;
    this.#onShutdownAcknowledged = null;
    acknowledged();
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.#peerGoneAway = true;
    if (!this.isServer) {
      this.#streams.forEach((stream) => {
        if (stream.id <= lastStreamId) return;
        this.#close(stream);
        stream.handler.onReset(stream, ErrorCode.RefusedStream, ResetCause.Unprocessed);
      });
    }
    this.#handler.onGoaway(this, code);
    this.#closeWhenIdle();
  }

  onWindowUpdate(id: number, increment: number): void {
    if (!this.#countControlFrame()) return;
    if (id === 0) {
      if (increment === 0) this.fail(ErrorCode.ProtocolError, 'WINDOW_UPDATE of 0');
      else if (!this.#sender.creditConnection(increment))
        this.fail(ErrorCode.FlowControlError, 'a connection window beyond 2^31-1');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === null) this.#onFrameOfNoStream(id, null);
    else if (increment === 0) this.#resetAndTell(stream, ErrorCode.ProtocolError);
    else if (!this.#sender.creditStream(stream, increment)) this.#resetAndTell(stream, ErrorCode.FlowControlError);
  }

  onPriority(): void {
    this.#countControlFrame();
  }

  onStreamError(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream !== null) this.#resetAndTell(stream, code);
    else if (this.#countControlFrame()) this.#refuse(id, code);
  }

  onConnectionError(code: number, reason: string): void {
    this.fail(code, reason);
  }

  onContinuationFlood(): void {
    this.#flood('continuation', 'too long a header block');
  }

  onPreface(): void {
    this.#greet();
  }

  onWrongPreface(bytes: Uint8Array): void {
    const answer = this.#handler.onWrongPreface(this, bytes);
    if (answer === null) {
      this.fail(ErrorCode.ProtocolError, 'not the HTTP/2 connection preface');
      return;
    }
    this.#state = 'failed';
    this.#output.discard();
    this.#socket.end(answer);
    this.#afterEnd('not HTTP/2');
  }

  /** A frame that carries no message has to be earned by messages or by time. @returns false where it was one too many */
  #countControlFrame(): boolean {
    if (this.#controlFrames.take(this.#context.turn.nowMs)) return true;
    this.#flood('control', 'too many control frames');
    return false;
  }

  // ---- output ----------------------------------------------------------------------------------------------------

  beforeFlush(): void {
    if (this.#pendingPings.length === 0) return;
    const pings = this.#pendingPings;
    this.#pendingPings = [];
    if (this.#state === 'closed') return;
    for (const payload of pings) this.#writer.ping(payload, true);
  }

  onRelieved(): void {
    if (this.#state === 'open' || this.#state === 'draining') this.#sender.sendWaiting();
  }
}
