import { timingSafeEqual } from 'node:crypto';

/**
 * Whether an `authorization` field bears a token (RFC 6750, 2.1). It takes as long whatever is given, so that a caller
 * cannot learn of the token by trying.
 */
export function bearsToken(authorization: string | undefined, token: string): boolean {
  const [, shown] = /^Bearer (.*)$/i.exec(authorization ?? '') ?? [];
  if (shown === undefined) return false;
  const [given, wanted] = [Buffer.from(shown, 'utf8'), Buffer.from(token, 'utf8')];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
