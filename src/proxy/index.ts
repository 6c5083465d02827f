/** The router: listener, session, stream, owner. It sees the control plane as a description that it is handed, no more. */

export {
  LATENCY_BUCKETS,
  LATENCY_UNIT_US,
  OUTCOME_NAMES,
  Outcome,
  RouterCounters,
  type StatusKind,
} from './core/counters.ts';
export { type DrainDescription, defaultDrain } from './core/drain/drain.ts';
export { failureCauses } from './core/failure.ts';
export type { FencedShard } from './core/gate/fence.ts';
export { defaultHold, type HoldDescription } from './core/gate/hold.ts';
export type { ServesUntil } from './core/gate/lease-watch.ts';
export type { OpenStream } from './core/open-request.ts';
export type { RoutedCluster, TableFingerprint } from './core/owner/cluster-owners.ts';
export type { UpstreamDescription } from './core/owner/upstream.ts';
export { type ActiveHealthDescription, HealthChecker } from './health/index.ts';
export {
  ACCESS_FIELDS,
  defaultRouterLimits,
  type EdgeDescription,
  formatFault,
  hiddenKey,
  isSecretName,
  type MoveDescription,
  type ObserveDescription,
  patternFault,
  type ResumeDescription,
  type RouteDescription,
  type RouteMatch,
  type RouterLimits,
  type ShardKeySource,
  type TextMatch,
} from './http/index.ts';
export {
  type EtcdMember,
  EtcdMembers,
  EtcdMembersError,
  explainCommand as explainRedisCommand,
  type HeavyKey,
  type HotKey,
  type HotKeysReport,
  mergeHotKeys,
  mergeSlotTraffic,
  mergeSlowLogs,
  type RedisEntryDescription,
  type RedisQuestion,
  type RedisUserDescription,
  type SlotTrafficReport,
  type SlowCommand,
  type SlowLogReport,
  termsFault,
} from './redis/index.ts';
export {
  type CountersSnapshot,
  type ShardSnapshot,
  shardIn,
  snapshotOf,
  type TrafficSnapshot,
} from './threads/counters-snapshot.ts';
export { statusesOfFamilies } from './threads/families.ts';
export { routerThreads } from './threads/make-threads.ts';
export { Router } from './threads/router.ts';
export type { RouterThreads } from './threads/router-threads.ts';
export type { RouterSettings } from './threads/settings.ts';
