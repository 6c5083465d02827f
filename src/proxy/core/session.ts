import type { OpenRequest } from './open-request.ts';

/** A client's connection, whatever is spoken on it. */
export interface Session {
  /** Requests that are under way. */
  readonly openStreams: number;
  /** Takes bytes[start, end) from the socket, valid during the call. */
  receive(bytes: Uint8Array, start: number, end: number): void;
  /** Ends it in order: what is under way goes on, and no client that could not know is left without an answer. */
  shutdown(reason: string): void;
  /** Cuts it. */
  destroy(): void;
  /** Called every second or so. */
  sweep(nowMs: number): void;
  forEachRequest(visit: (request: OpenRequest) => void): void;
}
