/** The router: listener, session, stream, owner. It sees the control plane as a description that it is handed, no more. */

export { type DrainDescription, defaultDrain, type MoveDescription } from './drain/drain.ts';
export type { EdgeDescription } from './edge/forwarded.ts';
export { defaultHold, type HoldDescription } from './gate/hold.ts';
export type { ServesUntil } from './gate/lease-watch.ts';
export type { ListenerDescription } from './listener.ts';
export { type ListeningSockets, namedListeners } from './listeners.ts';
export { ACCESS_FIELDS, formatFault } from './observe/access-log.ts';
export {
  failureCauses,
  LATENCY_BUCKETS,
  LATENCY_UNIT_US,
  RouterCounters,
  ShardCounters,
  TrafficCounters,
} from './observe/counters.ts';
export { type Log, newLog } from './observe/log.ts';
export type { ObserveDescription } from './observe/observe.ts';
export type { OpenStream } from './observe/request-facts.ts';
export { hiddenKey, isSecretName } from './observe/secret-keys.ts';
export { patternFault } from './pattern.ts';
export type { ResumeDescription } from './replay/resume.ts';
export type { RouteMatch } from './route-match.ts';
export { defaultRouterLimits, type RouterLimits } from './router-context.ts';
export { type RouterThreads, routerThreads } from './router-threads.ts';
export type { RouteDescription, RoutedCluster, RoutingDescription, TableFingerprint } from './routing.ts';
export type { RouterSettings } from './settings.ts';
export type { ShardKeySource } from './shard-key.ts';
export type { TextMatch } from './text-match.ts';
export { ClientCertificates, ServerCertificates, tlsFault } from './tls/tls-files.ts';
export { type ActiveHealthDescription, HealthChecker } from './upstream/health-check.ts';
export type { UpstreamDescription } from './upstream/upstream.ts';
