import {
  type Field,
  field,
  type HeaderBlock,
  headerName,
  type MessageHead,
  transientField,
} from '../../../http/index.ts';

const MAX_FORWARDS = headerName('max-forwards');
const OK = field(':status', '200');
const EMPTY = field('content-length', '0');

/** The router's own answer to OPTIONS, where the request is for the router rather than for a shard behind it. */
export const optionsAnswer: readonly Field[] = [OK, EMPTY];

/**
 * Counts a forwarding of TRACE or OPTIONS, whose client may say how many there may be (RFC 9110, 7.6.2).
 * @returns false where the request may go no further
 */
export function mayForward(head: MessageHead, block: HeaderBlock): boolean {
  const method = head.method?.text;
  if (method !== 'OPTIONS' && method !== 'TRACE') return true;
  for (let i = 0; i < block.count; i++) {
    const each = block.fields[i] as Field;
    // What is no number counts nothing.
    if (each.name !== MAX_FORWARDS || each.integer < 0) continue;
    if (each.integer === 0) return false;
    block.replace(i, transientField(MAX_FORWARDS.text, String(each.integer - 1)));
  }
  return true;
}
