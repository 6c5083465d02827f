import { createHash } from 'node:crypto';
import type { ShardKeySource } from '../routes/shard-key.ts';

/** Headers and query fields whose values grant access. */
const SECRET_NAME =
  /auth|cookie|token|secret|session|password|passwd|credential|api-?_?key|access-?_?key|jwt|signature|^sid$|[-_]sid$/i;

/** Whether the value of a header or query field with this name grants access. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Whether keys that come from there are secrets: a reader of one could impersonate its client. */
export function isSecretSource(source: ShardKeySource): boolean {
  if ('cookie' in source) return true;
  return ('header' in source && isSecretName(source.header)) || ('query' in source && isSecretName(source.query));
}

/** Digits that tell keys apart, and from which the key cannot be recovered. */
const SHOWN_DIGITS = 16;

/** What is shown of a secret key: the same for the same key. @param key latin1 text, a character for a byte */
export function hiddenKey(key: string): string {
  return `sha256:${createHash('sha256').update(key, 'latin1').digest('hex').slice(0, SHOWN_DIGITS)}`;
}
