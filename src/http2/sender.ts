import { HeaderBlock, OutputQueue, type Stream } from '../http/index.ts';
import type { Backlog, BufferPool, Output, Turn } from '../io/index.ts';
import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW, MAXIMUM_WINDOW } from './frames.ts';
import { QueueRing } from './queue-ring.ts';
import { initialPeerSettings, type PeerSettings } from './settings.ts';
import type { StreamTable } from './stream-table.ts';

/** What a sender reports to the connection. */
export interface SenderListener {
  /** Our side of the stream is complete. */
  onLocalEnd(stream: Stream): void;
  /** A frame of content has gone out, which the peer will answer with window updates. */
  onDataSent(): void;
  /** More content waits than may; the stream whose content came last has to be given up. */
  onOverfull(stream: Stream): void;
}

/**
 * A frame that the peer's window has cut shorter than this earns it nothing. A peer that opens its window byte by byte
 * would otherwise earn more updates by each byte than it has sent.
 */
const LEAST_EARNING_BYTES = 256;

/**
 * The sending half of a connection: content goes out as far as the peer's windows, and the socket, allow; the rest waits
 * on its stream, and trailers behind it (RFC 9113, 5.2). A stalled stream holds up no other.
 */
export class Sender {
  readonly peer: PeerSettings = initialPeerSettings();
  readonly #output: Output;
  readonly #writer: FrameWriter;
  readonly #turn: Turn;
  readonly #streams: StreamTable;
  readonly #listener: SenderListener;
  #window = DEFAULT_WINDOW;
  /** How many streams have a queue. */
  #queues = 0;
  /** Those among them that their own windows let send: they wait for the connection's, or for the socket. */
  readonly #ready = new QueueRing();
  readonly #backlog: Backlog;
  /** Bytes of content that wait on this connection. */
  #waitingBytes = 0;
  readonly #trailerBlock = new HeaderBlock();

  constructor(
    output: Output,
    writer: FrameWriter,
    { turn, buffers }: { turn: Turn; buffers: BufferPool },
    streams: StreamTable,
    listener: SenderListener,
  ) {
    this.#output = output;
    this.#writer = writer;
    this.#turn = turn;
    this.#backlog = buffers.backlog;
    this.#streams = streams;
    this.#listener = listener;
  }

  headers(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    this.#writer.headers(stream.id, block, endStream, this.peer.maxFrameSize);
    if (endStream) this.#listener.onLocalEnd(stream);
  }

  trailers(stream: Stream, block: HeaderBlock): void {
    if (stream.queue === null) this.headers(stream, block, true);
    else stream.queue.trailers = block.copy();
  }

  /** Sends or queues bytes[start, end); what is queued is copied. */
  data(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    let at = start;
    if (stream.queue === null) {
      at = this.#sendNow(stream, bytes, start, end, endStream);
      if (at === end) {
        if (endStream) this.#listener.onLocalEnd(stream);
        return;
      }
    }
    this.#enqueue(stream, bytes, at, end, endStream);
  }

  /** Sends frames while there is credit; answers how far it came. END_STREAM goes with the last byte. */
  #sendNow(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): number {
    if (start === end) {
      if (endStream) this.#writer.data(stream.id, bytes, start, end, true);
      return end;
    }
    let at = start;
    while (at < end && !this.#output.congested) {
      const credit = Math.min(this.#window, stream.sendWindow, this.peer.maxFrameSize);
      if (credit <= 0) break;
      const stop = end - at < credit ? end : at + credit;
      this.#writer.data(stream.id, bytes, at, stop, endStream && stop === end);
      if (stop === end || stop - at >= LEAST_EARNING_BYTES) this.#listener.onDataSent();
      this.#window -= stop - at;
      stream.sendWindow -= stop - at;
      at = stop;
    }
    return at;
  }

  #enqueue(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.queue === null) {
      stream.queue = new OutputQueue(stream, this.#turn.nowMs);
      this.#queues++;
      this.#sort(stream.queue);
    }
    stream.queue.content.append(bytes, start, end);
    if (endStream) stream.queue.endStream = true;
    this.#count(end - start);
    if (!this.#backlog.allows(this.#waitingBytes)) this.#listener.onOverfull(stream);
  }

  #count(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#backlog.bytes += bytes;
  }

  /** Has a queue wait for its turn where its stream's window is open. */
  #sort(queue: OutputQueue): void {
    if (queue.stream.sendWindow > 0) this.#ready.add(queue);
    else this.#ready.remove(queue);
  }

  /** Forgets what waits on a stream that is no more. */
  abandon(stream: Stream): void {
    const { queue } = stream;
    if (queue === null) return;
    stream.queue = null;
    this.#count(-queue.content.length);
    this.#queues--;
    this.#ready.remove(queue);
  }

  /** WINDOW_UPDATE for a stream. @returns false where the window would be too large */
  creditStream(stream: Stream, increment: number): boolean {
    if (stream.sendWindow + increment > MAXIMUM_WINDOW) return false;
    stream.sendWindow += increment;
    const { queue } = stream;
    if (queue !== null) {
      this.#sort(queue);
      while (this.#sendSlice(queue));
    }
    if (!stream.closed) stream.handler.onCredit(stream);
    return true;
  }

  /** WINDOW_UPDATE for the connection. @returns false where the window would be too large */
  creditConnection(increment: number): boolean {
    if (this.#window + increment > MAXIMUM_WINDOW) return false;
    this.#window += increment;
    this.sendWaiting();
    return true;
  }

  /** A change of the peer's initial window changes every open stream's (RFC 9113, 6.9.2). @returns false where one becomes too large */
  adjustStreams(delta: number): boolean {
    let fits = true;
    this.#streams.forEach((stream) => {
      stream.sendWindow += delta;
      if (stream.sendWindow > MAXIMUM_WINDOW) fits = false;
      if (stream.queue !== null) this.#sort(stream.queue);
    });
    if (fits && delta > 0) {
      this.sendWaiting();
      this.#streams.forEach((stream) => {
        if (!stream.closed) stream.handler.onCredit(stream);
      });
    }
    return fits;
  }

  /** Sends what waits, a frame a stream in turn, until credit or the socket ends it. What it does is in proportion to what it sends. */
  sendWaiting(): void {
    for (let queue = this.#ready.first; queue !== null; queue = this.#ready.first) {
      if (this.#window <= 0 || this.#output.congested) return;
      if (this.#sendSlice(queue)) this.#ready.rotate();
    }
  }

  /** Sends one frame's worth of a queue. @returns whether it can go on, and so is still ready */
  #sendSlice(queue: OutputQueue): boolean {
    const { stream, content } = queue;
    const { start } = content;
    const stop = Math.min(content.end, start + this.peer.maxFrameSize);
    const isLast = stop - start === content.length;
    const ends = isLast && queue.endStream && queue.trailers === null;
    const sent = this.#sendNow(stream, content.block, start, stop, ends) - start;
    if (sent === 0) return false;
    content.consume(sent);
    this.#count(-sent);
    queue.movedAtMs = this.#turn.nowMs;
    if (content.length === 0) {
      this.#finishQueue(stream, queue);
      return false;
    }
    this.#sort(queue);
    return stream.sendWindow > 0;
  }

  /** The content is out, and END_STREAM with it where no trailers follow. */
  #finishQueue(stream: Stream, queue: OutputQueue): void {
    this.abandon(stream);
    if (queue.trailers !== null) {
      this.#trailerBlock.set(queue.trailers);
      this.headers(stream, this.#trailerBlock, true);
    } else if (queue.endStream) this.#listener.onLocalEnd(stream);
    if (!stream.closed) stream.handler.onCredit(stream);
  }

  /** The streams whose output has not moved since `sinceMs`. */
  stalledSince(sinceMs: number): Stream[] {
    const stalled: Stream[] = [];
    if (this.#queues === 0) return stalled;
    this.#streams.forEach((stream) => {
      if (stream.queue !== null && stream.queue.movedAtMs < sinceMs) stalled.push(stream);
    });
    return stalled;
  }
}
