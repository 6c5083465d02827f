import type { HttpLimits } from '../http/index.ts';
import { type DrainDescription, defaultDrain, type HoldDescription, type RouterLimits } from '../proxy/index.ts';
import type { ConfigFile } from './schema/index.ts';

export function limitsOf(written: ConfigFile['limits']): HttpLimits & RouterLimits {
  const {
    maxHeaderListSize,
    streamWindow,
    connectionWindow,
    requestHeadTimeout,
    stalledWindow,
    maxUnsent,
    maxBacklog,
    connectTimeout,
    requestContentTimeout,
    leastContentPerSecond,
    idleConnection,
    maxConnectionAge,
    maxConnectionAgeGrace,
    ...counts
  } = written;
  return {
    ...counts,
    maxHeaderListBytes: maxHeaderListSize,
    streamWindowBytes: streamWindow,
    connectionWindowBytes: connectionWindow,
    requestHeadTimeoutMs: requestHeadTimeout,
    stalledWindowMs: stalledWindow,
    maxUnsentBytes: maxUnsent,
    maxBacklogBytes: maxBacklog,
    connectTimeoutMs: connectTimeout,
    requestContentTimeoutMs: requestContentTimeout,
    leastContentBytesPerSecond: leastContentPerSecond,
    idleConnectionMs: idleConnection,
    maxConnectionAgeMs: maxConnectionAge,
    maxConnectionAgeGraceMs: maxConnectionAgeGrace,
  };
}

export function drainOf({
  window,
  ratePerSecond,
  grace,
  longLivedAfter,
  pushback,
}: ConfigFile['drain']): DrainDescription {
  return {
    windowMs: window,
    ratePerSecond,
    graceMs: grace,
    longLivedAfterMs: longLivedAfter,
    slowAfterMs: defaultDrain.slowAfterMs,
    pushbackMs: pushback,
  };
}

export function holdOf({ requests, bytes, wait }: ConfigFile['hold']): HoldDescription {
  return { requests, bytes, waitMs: wait };
}
