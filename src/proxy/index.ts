/** The router: listener, session, stream, owner. It sees the control plane as a description that it is handed, no more. */

export {
  LATENCY_BUCKETS,
  LATENCY_UNIT_US,
  RouterCounters,
  ShardCounters,
  TrafficCounters,
} from './core/counters.ts';
export { type DrainDescription, defaultDrain } from './core/drain/drain.ts';
export { failureCauses } from './core/failure.ts';
export { defaultHold, type HoldDescription } from './core/gate/hold.ts';
export type { ServesUntil } from './core/gate/lease-watch.ts';
export type { RoutedCluster, TableFingerprint } from './core/owner/cluster-owners.ts';
export type { UpstreamDescription } from './core/owner/upstream.ts';
export type { ActiveHealthDescription } from './health/index.ts';
export type { EdgeDescription } from './http/edge/forwarded.ts';
export type { MoveDescription } from './http/move.ts';
export { ACCESS_FIELDS, formatFault } from './http/observe/access-log.ts';
export type { ObserveDescription } from './http/observe/observe.ts';
export type { OpenStream } from './http/observe/request-facts.ts';
export { hiddenKey, isSecretName } from './http/observe/secret-keys.ts';
export { patternFault } from './http/pattern.ts';
export type { ResumeDescription } from './http/replay/resume.ts';
export type { RouteMatch } from './http/route-match.ts';
export { defaultRouterLimits, type RouterLimits } from './http/router-context.ts';
export type { RouteDescription, RoutingDescription } from './http/routing.ts';
export type { ShardKeySource } from './http/shard-key.ts';
export type { TextMatch } from './http/text-match.ts';
export {
  type CountersSnapshot,
  type ShardSnapshot,
  shardIn,
  snapshotOf,
  type TrafficSnapshot,
} from './threads/counters-snapshot.ts';
export { routerThreads } from './threads/make-threads.ts';
export type { RouterThreads } from './threads/router-threads.ts';
export type { RouterSettings } from './threads/settings.ts';
