import { expect, it } from 'vitest';
import { FieldCache, HeaderBlock, transientField } from '../../../http/index.ts';
import { egressTrace } from './egress-trace.ts';

function traceOf(shard: string, before?: string): string | null {
  const block = new HeaderBlock();
  block.set(before === undefined ? [] : [transientField('x-keyway-egress', before)]);
  return egressTrace(new FieldCache(), block, shard)?.text ?? null;
}

it('names the shards that a request has gone out by, and refuses it where it has been before', () => {
  expect([traceOf('s0'), traceOf('s1', 's0'), traceOf('s2', 's0, s1')]).toEqual(['s0', 's0, s1', 's0, s1, s2']);
  expect([traceOf('s0', 's0'), traceOf('s0', 's1 ,s0'), traceOf('s', 's0')]).toEqual([null, null, 's0, s']);
});
