import { BufferPool, Turn } from '../io/index.ts';
import { FieldCache, HeaderBlock } from './fields/index.ts';
import { defaultLimits, type HttpLimits } from './limits.ts';
import { MessageHead } from './message-head.ts';

/** What the connections of a thread share. */
export interface HttpContext {
  readonly turn: Turn;
  readonly buffers: BufferPool;
  readonly fields: FieldCache;
  readonly limits: HttpLimits;
  /** Scratch: the message that is being received. */
  readonly block: HeaderBlock;
  readonly head: MessageHead;
}

/** Creates what the connections of one thread share. */
export function httpContext(clock: () => number, limits: HttpLimits = defaultLimits): HttpContext {
  return httpContextOn({ turn: new Turn(clock), buffers: new BufferPool(limits) }, limits);
}

/** The same for a thread that has connections of other protocols too, with which they share turns and output. */
export function httpContextOn(
  { turn, buffers }: Pick<HttpContext, 'turn' | 'buffers'>,
  limits: HttpLimits,
): HttpContext {
  return { turn, buffers, fields: new FieldCache(), limits, block: new HeaderBlock(), head: new MessageHead() };
}
