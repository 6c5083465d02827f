import {
  ErrorCode,
  type Field,
  type FloodCause,
  type HeaderBlock,
  type HttpContext,
  type MessageHead,
  NOTHING,
  ResetCause,
  type Stream,
  type StreamHandler,
  unhandled,
} from '../http/index.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_TABLE_SIZE, HpackDecoder } from './hpack/index.ts';
import { contentOfAnswer } from './message-rules.ts';
import { type BudgetedConnection, PeerBudget } from './peer-budget.ts';
import { PeerStreams } from './peer-streams.ts';
import type { Pings } from './pings.ts';
import type { ReceiveWindows } from './receive-windows.ts';
import type { Sender } from './sender.ts';
import { applySettings, SETTINGS_ENTRY_BYTES } from './settings.ts';
import type { StreamTable } from './stream-table.ts';

/** What a receiver asks of its connection, and reports to it. */
export interface ReceivingConnection extends BudgetedConnection {
  readonly createdMs: number;
  /** The id of the stream that we open next. */
  readonly nextStreamId: number;
  openStream(id: number, handler: StreamHandler): Stream;
  closeIfEnded(stream: Stream): void;
  closeStream(stream: Stream): void;
  resetAndNotify(stream: Stream, code: number): void;
  fail(code: number, reason: string): void;
  /** Counts what went over a limit, and goes on. */
  countFlood(cause: FloodCause): void;
  greet(): void;
  onPeerGoaway(lastStreamId: number, code: number): void;
  onWrongPreface(): void;
  /** The peer's SETTINGS may let us open more streams than before. */
  onCapacity(): void;
}

/** What takes requests as they come (servers only). */
export interface RequestReceiver {
  /** Sets `stream.handler` during the call. */
  onRequest(stream: Stream, head: MessageHead, block: HeaderBlock, endStream: boolean): void;
}

/** The parts of a connection that its receiver works with. */
export interface ReceiverParts {
  readonly connection: ReceivingConnection;
  readonly context: HttpContext;
  readonly handler: RequestReceiver;
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly writer: FrameWriter;
  readonly windows: ReceiveWindows;
  readonly pings: Pings;
}

/**
 * The receiving half of a connection: frames become streams' events, as far as the streams' states, the windows and the
 * limits allow them (RFC 9113, 5 and 6).
 */
export class Receiver implements FrameSink {
  readonly peerStreams = new PeerStreams();
  /** The peer's SETTINGS have come. */
  settingsReceived = false;
  readonly #connection: ReceivingConnection;
  readonly #context: HttpContext;
  readonly #handler: RequestReceiver;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #budget: PeerBudget;
  readonly #windows: ReceiveWindows;
  readonly #pings: Pings;

  constructor({ connection, context, handler, streams, sender, writer, windows, pings }: ReceiverParts) {
    const { limits } = context;
    this.#connection = connection;
    this.#context = context;
    this.#handler = handler;
    this.#streams = streams;
    this.#sender = sender;
    this.#writer = writer;
    this.#windows = windows;
    this.#pings = pings;
    this.#reader = new FrameReader(this, limits, connection.isServer, context.turn);
    this.#decoder = new HpackDecoder(context.fields, DEFAULT_TABLE_SIZE, limits.maxHeaderListBytes);
    this.#budget = new PeerBudget(connection, limits, context.turn.nowMs);
  }

  receive(bytes: Uint8Array, start: number, end: number): void {
    this.#reader.receive(bytes, start, end);
  }

  /** See `Connection.beginUpgraded`. The settings need no acknowledgement (RFC 7540, 3.2.1). */
  beginUpgraded(settings: Uint8Array, block: HeaderBlock): boolean {
    const { head } = this.#context;
    if (settings.length % SETTINGS_ENTRY_BYTES !== 0 || head.readRequest(block) !== null) return false;
    if (applySettings(settings, 0, settings.length, this.#sender.peer) !== ErrorCode.NoError) return false;
    this.#writer.encoder.setTableSize(this.#sender.peer.headerTableSize);
    this.peerStreams.judge(1);
    const stream = this.#connection.openStream(1, unhandled);
    stream.headersReceived = true;
    stream.remoteEnded = true;
    this.#handler.onRequest(stream, head, block, true);
    return true;
  }

  /** Since when the peer has owed us the rest of a frame or of a header block, or the SETTINGS that it begins with; or infinite. */
  get owedSinceMs(): number {
    const { isServer, createdMs } = this.#connection;
    return isServer && !this.settingsReceived ? createdMs : this.#reader.unfinishedSinceMs;
  }

  /** Reads no more. */
  stop(): void {
    this.#reader.stop();
  }

  /** The peer has done something useful: what we sent will be answered by window updates, and that is no flood. */
  earn(): void {
    this.#budget.earn();
  }

  onDataFrame(id: number, flowLength: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (!this.#windows.use(flowLength)) {
      this.#connection.fail(ErrorCode.FlowControlError, 'more than the connection window');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === null) {
      this.#onFrameOfNoStream(id, ErrorCode.StreamClosed);
      return;
    }
    if (stream.remoteEnded) {
      this.#resetForViolation(stream, ErrorCode.StreamClosed);
      return;
    }
    stream.receiveWindow -= flowLength;
    if (stream.receiveWindow < 0) {
      this.#resetForViolation(stream, ErrorCode.FlowControlError);
      return;
    }
    if (!stream.headersReceived) {
      this.#resetForViolation(stream, ErrorCode.ProtocolError);
      return;
    }
    if (start === end && !endStream) {
      // Padding alone is no message either, but it has used the stream's window, which the handler has restored.
      if (!this.#countControlFrame() || flowLength === 0) return;
    } else this.earn();
    if (stream.contentRemaining >= 0) {
      stream.contentRemaining -= end - start;
      if (stream.contentRemaining < 0 || (endStream && stream.contentRemaining > 0)) {
        this.#resetForViolation(stream, ErrorCode.ProtocolError);
        return;
      }
    }
    if (endStream) stream.remoteEnded = true;
    stream.handler.onData(stream, bytes, start, end, endStream);
    if (endStream) this.#connection.closeIfEnded(stream);
  }

  onHeaderBlock(id: number, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    const { block } = this.#context;
    if (!this.#decoder.decode(bytes, start, end, block)) {
      this.#connection.fail(ErrorCode.CompressionError, 'a header block that is not valid HPACK');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === null) {
      if (this.#connection.isServer) this.#onRequestBlock(id, block, endStream);
      else this.#onFrameOfNoStream(id, ErrorCode.StreamClosed);
      return;
    }
    if (stream.remoteEnded) {
      this.#connection.fail(ErrorCode.StreamClosed, `HEADERS on stream ${id}, which has ended`);
      return;
    }
    if (block.tooLarge) this.#onTooLarge(stream);
    else if (stream.headersReceived) this.#onTrailerBlock(stream, block, endStream);
    else this.#onResponseBlock(stream, block, endStream);
  }

  #onTooLarge(stream: Stream): void {
    this.#connection.countFlood('headers');
    this.#resetForViolation(stream, ErrorCode.EnhanceYourCalm);
  }

  #onRequestBlock(id: number, block: HeaderBlock, endStream: boolean): void {
    if (!this.#acceptId(id)) return;
    this.earn();
    if (this.#streams.count >= this.#context.limits.maxConcurrentStreams) {
      this.#refuse(id, ErrorCode.RefusedStream);
      return;
    }
    if (block.tooLarge) {
      this.#connection.countFlood('headers');
      this.#refuse(id, ErrorCode.EnhanceYourCalm);
      return;
    }
    const { head } = this.#context;
    if (head.readRequest(block) !== null || (endStream && head.contentLength > 0)) {
      this.#refuse(id, ErrorCode.ProtocolError);
      return;
    }
    const stream = this.#connection.openStream(id, unhandled);
    stream.isHead = head.method?.text === 'HEAD';
    stream.headersReceived = true;
    stream.isTunnel = head.protocol !== null;
    stream.contentRemaining = head.contentLength;
    stream.remoteEnded = endStream;
    this.#handler.onRequest(stream, head, block, endStream);
  }

  /** Whether a request with this id may begin now; else it has been dealt with. */
  #acceptId(id: number): boolean {
    const before = this.peerStreams.last;
    const verdict = this.peerStreams.judge(id);
    if (verdict === 'new') return true;
    if (verdict !== 'ignored') {
      const code = verdict === 'over' ? ErrorCode.StreamClosed : ErrorCode.ProtocolError;
      this.#connection.fail(code, `a request on stream ${id}, after ${before}`);
    }
    return false;
  }

  /** Refuses a request that has not become a stream. A peer may well not know our limit on streams yet: that costs it nothing. */
  #refuse(id: number, code: number): void {
    if (code !== ErrorCode.RefusedStream && !this.#countReset()) return;
    this.#writer.reset(id, code);
    this.peerStreams.rememberReset(id);
  }

  #resetForViolation(stream: Stream, code: number): void {
    if (this.#countReset()) this.#connection.resetAndNotify(stream, code);
  }

  #countReset(): boolean {
    return this.#budget.takeReset(this.#context.turn.nowMs);
  }

  #onResponseBlock(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const { head } = this.#context;
    if (head.readResponse(block) !== null) {
      this.#resetForViolation(stream, ErrorCode.ProtocolError);
      return;
    }
    const status = (head.status as Field).integer;
    const informational = status < 200;
    this.earn();
    if (!informational) {
      if (stream.isTunnel && status < 300) head.dropContentLength(block);
      stream.headersReceived = true;
      stream.contentRemaining = contentOfAnswer(stream, status, head.contentLength);
    }
    // An end before the content that was announced would have the next answer stand in its place over HTTP/1.1.
    if (endStream && (informational || stream.contentRemaining > 0)) {
      this.#resetForViolation(stream, ErrorCode.ProtocolError);
      return;
    }
    if (endStream) stream.remoteEnded = true;
    stream.handler.onHeaders(stream, head, block, endStream);
    if (endStream) this.#connection.closeIfEnded(stream);
  }

  #onTrailerBlock(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    const { head } = this.#context;
    if (!endStream || stream.contentRemaining > 0 || head.readTrailers(block) !== null) {
      this.#resetForViolation(stream, ErrorCode.ProtocolError);
      return;
    }
    stream.remoteEnded = true;
    if (block.count > 0) stream.handler.onTrailers(stream, head, block);
    else stream.handler.onData(stream, NOTHING, 0, 0, true);
    this.#connection.closeIfEnded(stream);
  }

  /** A frame for a stream that is not open: none that was ever opened is an error, one that is over is ignored or refused. */
  #onFrameOfNoStream(id: number, code: number | null): void {
    const isPeers = (id & 1) === (this.#connection.isServer ? 1 : 0);
    const idle = isPeers ? id > this.peerStreams.last : id >= this.#connection.nextStreamId;
    if (idle) {
      if (id <= this.peerStreams.lastAccepted)
        this.#connection.fail(ErrorCode.ProtocolError, `a frame on stream ${id}, which is idle`);
      return;
    }
    if (code === null || !this.#connection.isServer || this.peerStreams.wasReset(id)) return;
    this.#refuse(id, code);
  }

  onReset(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream === null) {
      this.#onFrameOfNoStream(id, null);
      return;
    }
    if (!this.#countReset()) return;
    this.#connection.closeStream(stream);
    stream.handler.onReset(stream, code, ResetCause.Peer);
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#countControlFrame()) return;
    const { peer } = this.#sender;
    const { initialWindowSize } = peer;
    const error = applySettings(bytes, start, end, peer);
    if (error !== ErrorCode.NoError) {
      this.#connection.fail(error, 'a setting out of its range');
      return;
    }
    this.#writer.encoder.setTableSize(peer.headerTableSize);
    this.#writer.settingsAck();
    this.settingsReceived = true;
    const delta = peer.initialWindowSize - initialWindowSize;
    if (delta !== 0 && !this.#countWalk()) return;
    if (delta !== 0 && !this.#sender.adjustStreams(delta))
      this.#connection.fail(ErrorCode.FlowControlError, 'an initial window that overflows a stream');
    else this.#connection.onCapacity();
  }

  onSettingsAck(): void {
    this.#countControlFrame();
  }

  onPing(bytes: Uint8Array, start: number): void {
    if (this.#countControlFrame()) this.#pings.acknowledge(new Uint8Array(bytes.subarray(start, start + 8)));
  }

  onPingAck(bytes: Uint8Array, start: number): void {
    if (this.#countControlFrame()) this.#pings.onAcknowledged(bytes.subarray(start, start + 8));
  }

  onGoaway(lastStreamId: number, code: number): void {
    if (this.#countControlFrame() && this.#countWalk()) this.#connection.onPeerGoaway(lastStreamId, code);
  }

  onWindowUpdate(id: number, increment: number): void {
    if (!this.#countControlFrame()) return;
    if (id === 0) {
      if (increment === 0) this.#connection.fail(ErrorCode.ProtocolError, 'WINDOW_UPDATE of 0');
      else if (!this.#sender.creditConnection(increment))
        this.#connection.fail(ErrorCode.FlowControlError, 'a connection window beyond 2^31-1');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === null) this.#onFrameOfNoStream(id, null);
    else if (increment === 0) this.#resetForViolation(stream, ErrorCode.ProtocolError);
    else if (!this.#sender.creditStream(stream, increment)) this.#resetForViolation(stream, ErrorCode.FlowControlError);
  }

  onPriority(): void {
    this.#countControlFrame();
  }

  onStreamError(id: number, code: number): void {
    const stream = this.#streams.get(id);
    if (stream !== null) this.#resetForViolation(stream, code);
    else if (this.#countControlFrame()) this.#refuse(id, code);
  }

  onConnectionError(code: number, reason: string): void {
    this.#connection.fail(code, reason);
  }

  onContinuationFlood(): void {
    this.#connection.flood('continuation', 'too long a header block');
  }

  onPreface(): void {
    this.#connection.greet();
  }

  onWrongPreface(): void {
    this.#connection.onWrongPreface();
  }

  #countWalk(): boolean {
    return this.#budget.takeWalk(this.#context.turn.nowMs, this.#streams.count);
  }

  #countControlFrame(): boolean {
    return this.#budget.takeControlFrame(this.#context.turn.nowMs);
  }
}
