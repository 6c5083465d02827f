import type { Http2Context } from './connection-handler.ts';
import { FieldCache, HeaderBlock } from './hpack/index.ts';
import { defaultLimits, type Http2Limits } from './limits.ts';
import { MessageHead } from './message-head.ts';
import { BufferPool } from './output.ts';
import { Turn } from './turn.ts';

/** What the connections of one thread share. */
export function http2Context(clock: () => number, limits: Http2Limits = defaultLimits): Http2Context {
  return {
    turn: new Turn(clock),
    buffers: new BufferPool(limits),
    fields: new FieldCache(),
    limits,
    block: new HeaderBlock(),
    head: new MessageHead(),
  };
}
