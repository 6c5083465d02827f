import type { Stream } from '../http/index.ts';

/** HTTP/1.1 has no windows: what one side may send ahead of the one behind us, before its socket is not read any more. */
export const WINDOW_BYTES = 262144;
/** What an answer may bring before it is known whether its client reads. */
export const FIRST_WINDOW_BYTES = 65536;

/**
 * Lets the peer send up to `limit`, and no more than the window.
 * @returns whether it may send again, so that it has to be read
 */
export function widen(stream: Stream, limit: number): boolean {
  if (stream.closed || stream.remoteEnded) return false;
  const target = Math.min(limit, WINDOW_BYTES);
  if (target <= stream.receiveWindow) return false;
  stream.receiveWindow = target;
  return target > 0;
}
