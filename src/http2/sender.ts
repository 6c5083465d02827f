import type { FrameWriter } from './frame-writer.ts';
import { DEFAULT_WINDOW, MAXIMUM_WINDOW } from './frames.ts';
import { HeaderBlock } from './hpack/index.ts';
import type { Output } from './output.ts';
import { initialPeerSettings, type PeerSettings } from './settings.ts';
import { OutputQueue, type Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';
import type { Turn } from './turn.ts';

/** What a sender tells the connection. */
export interface SenderListener {
  /** Our side of the stream is complete. */
  onLocalEnd(stream: Stream): void;
  /** A frame of content has gone out. */
  onDataSent(): void;
}

/**
 * The sending half of a connection: content goes out as far as the peer's windows, and the socket, allow; the rest waits
 * on its stream, and trailers behind it (RFC 9113, 5.2). A stalled stream holds up nobody else.
 */
export class Sender {
  readonly peer: PeerSettings = initialPeerSettings();
  readonly #output: Output;
  readonly #writer: FrameWriter;
  readonly #turn: Turn;
  readonly #streams: StreamTable;
  readonly #listener: SenderListener;
  #window = DEFAULT_WINDOW;
  /** The streams with a queue, in the order of their turn. */
  #waiting: Stream[] = [];
  readonly #trailerBlock = new HeaderBlock();

  constructor(output: Output, writer: FrameWriter, turn: Turn, streams: StreamTable, listener: SenderListener) {
    this.#output = output;
    this.#writer = writer;
    this.#turn = turn;
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
      this.#listener.onDataSent();
      this.#window -= stop - at;
      stream.sendWindow -= stop - at;
      at = stop;
    }
    return at;
  }

  #enqueue(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (stream.queue === null) {
      stream.queue = new OutputQueue(this.#turn.nowMs);
      this.#waiting.push(stream);
    }
    if (end > start) {
      stream.queue.chunks.push(new Uint8Array(bytes.subarray(start, end)));
      stream.queue.bytes += end - start;
    }
    if (endStream) stream.queue.endStream = true;
  }

  /** Forgets what waits on a stream that is no more. */
  abandon(stream: Stream): void {
    if (stream.queue === null) return;
    stream.queue = null;
    const place = this.#waiting.indexOf(stream);
    if (place >= 0) this.#waiting.splice(place, 1);
  }

  /** WINDOW_UPDATE for a stream. @returns false where the window would be too large */
  creditStream(stream: Stream, increment: number): boolean {
    if (stream.sendWindow + increment > MAXIMUM_WINDOW) return false;
    stream.sendWindow += increment;
    if (stream.queue !== null) {
      while (this.#sendSlice(stream));
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
    });
    if (fits && delta > 0) {
      this.sendWaiting();
      this.#streams.forEach((stream) => {
        if (!stream.closed) stream.handler.onCredit(stream);
      });
    }
    return fits;
  }

  /** Sends what waits, a frame a stream in turn, until credit or the socket ends it. */
  sendWaiting(): void {
    let progress = this.#waiting.length > 0;
    while (progress && this.#window > 0 && !this.#output.congested) {
      progress = false;
      for (const stream of [...this.#waiting]) {
        if (stream.queue !== null && this.#sendSlice(stream)) progress = true;
      }
    }
  }

  /** Sends one frame's worth of a stream's queue, which holds a chunk as long as it is there. @returns whether it can go on */
  #sendSlice(stream: Stream): boolean {
    const queue = stream.queue;
    const chunk = queue?.chunks[0];
    if (queue === null || chunk === undefined) return false;
    const slice = Math.min(chunk.length, this.peer.maxFrameSize);
    const isLast = queue.chunks.length === 1 && slice === chunk.length;
    const sent = this.#sendNow(stream, chunk, 0, slice, isLast && queue.endStream && queue.trailers === null);
    if (sent === 0) return false;
    queue.bytes -= sent;
    queue.movedAtMs = this.#turn.nowMs;
    if (sent < chunk.length) queue.chunks[0] = chunk.subarray(sent);
    else queue.chunks.shift();
    if (queue.chunks.length > 0) return true;
    this.#finishQueue(stream, queue);
    return false;
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
    return this.#waiting.filter((stream) => stream.queue !== null && stream.queue.movedAtMs < sinceMs);
  }
}
