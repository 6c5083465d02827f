import type { Stream } from '../../../http/index.ts';

/** A client's connection, whatever version of HTTP it speaks. */
export interface ClientConnection {
  readonly openStreams: number;
  receive(bytes: Uint8Array, start: number, end: number): void;
  /** Ends it in order. */
  shutdown(reason: string): void;
  /** Cuts it. */
  destroy(): void;
  sweep(nowMs: number): void;
  forEachStream(visit: (stream: Stream) => void): void;
}
