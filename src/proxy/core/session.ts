import type { OpenRequest } from './open-request.ts';

/** A client's connection, whatever is spoken on it. */
export interface Session {
  /** Requests that are under way. */
  readonly openStreams: number;
  /** Takes bytes[start, end) from the socket, valid during the call. */
  receive(bytes: Uint8Array, start: number, end: number): void;
  /** Ends it in order: what is under way goes on, and no client is left without an answer that could not know. */
  shutdown(reason: string): void;
  /** Cuts it. */
  destroy(): void;
  /** To be called every second or so. */
  sweep(nowMs: number): void;
  forEachRequest(visit: (request: OpenRequest) => void): void;
}
