import type { MessageHead } from '../../../http/index.ts';

/**
 * Whether a request's authority and path are in the form that HTTP has for them (RFC 9112, 3.2; RFC 9113, 8.3.1). What
 * is not could be another target to a shard, or another line over HTTP/1.1.
 * @returns what is wrong, or null
 */
export function targetFault({ method, scheme, path, authority }: MessageHead): string | null {
  if (method?.wellFormed === false) return 'a method with a forbidden character';
  if (scheme?.wellFormed === false) return 'an invalid scheme';
  if (path?.wellFormed === false) return 'a path with a forbidden character, or that does not begin with /';
  if (authority?.wellFormed === false) return 'an invalid authority';
  // It asks for no resource but for the server as a whole (RFC 9110, 7.1).
  return path?.valueLength === 1 && path.text === '*' && method?.text !== 'OPTIONS' ? 'a path * without OPTIONS' : null;
}
