import { type Field, type FieldCache, type HeaderBlock, headerName } from '../../../http/index.ts';

/** The shards by whose egress a request has gone out, as they are listed in `CDN-Loop` (RFC 8586). A backend that hands headers on passes it along. */
const TRACE = headerName('x-keyway-egress');

/**
 * Names a shard's egress among those that a request has gone out by. What came of it is the client's word, and is taken out with the
 * rest of that.
 * @returns null where it has gone out there before: it would go round for ever
 */
export function egressTrace(fields: FieldCache, block: HeaderBlock, shard: string): Field | null {
  const before = block.get(TRACE.text);
  const passed = before === undefined ? [] : before.split(',').map((each) => each.trim());
  if (passed.includes(shard)) return null;
  const bytes = Buffer.from([...passed, shard].join(', '), 'latin1');
  return fields.internPlain(TRACE, bytes, 0, bytes.length);
}
