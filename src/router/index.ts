/** The router: listener, session, stream, owner. It sees the control plane as a description that it is handed, no more. */
export { LATENCY_BUCKETS, LATENCY_UNIT_US, type Refusal, RouterCounters, refusals } from './counters.ts';
export type { HeaderRulesDescription } from './header-rules.ts';
export { patternFault } from './pattern.ts';
export type { RouteMatch, TextMatch } from './route-match.ts';
export { type ListenAddress, Router, type RouterOptions } from './router.ts';
export { defaultRouterLimits, type RouterLimits } from './router-context.ts';
export { type RouterThreads, type RouterThreadsOptions, routerThreads } from './router-threads.ts';
export type { RouteDescription, RoutingDescription } from './routing.ts';
export type { ShardKeySource } from './shard-key.ts';
