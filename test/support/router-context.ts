import { defaultLimits, httpContext } from '../../src/http/index.ts';
import { DeadlineWheel } from '../../src/proxy/core/deadlines.ts';
import { ReplayArena } from '../../src/proxy/core/replay-arena.ts';
import { grpcStatuses, statusClasses } from '../../src/proxy/http/observe/statuses.ts';
import type { RouterContext } from '../../src/proxy/http/router-context.ts';
import { defaultDrain, defaultHold, RouterCounters } from '../../src/proxy/index.ts';
import { newLog } from '../../src/runtime/log.ts';
import { allLimits } from './router-settings.ts';

/** What a router's thread shares, for a spec of one of its parts: with defaults, a clock of the spec's own, and no log. */
export function routerContext(clock: () => number, settings: Partial<RouterContext> = {}): RouterContext {
  const http = httpContext(clock, defaultLimits);
  return {
    http,
    turn: http.turn,
    buffers: http.buffers,
    counters: new RouterCounters({ refusals: [], floods: [], statuses: [statusClasses, grpcStatuses] }),
    deadlines: new DeadlineWheel(clock),
    arena: new ReplayArena(),
    limits: allLimits,
    drain: defaultDrain,
    hold: defaultHold,
    onShardLeaving: () => {},
    log: newLog('silent'),
    accessLog: null,
    tracing: null,
    random: () => 0.5,
    ...settings,
  };
}
