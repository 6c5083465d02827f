/** The family Redis. */
export { type EtcdMember, EtcdMembers, EtcdMembersError } from './cluster/etcd-members.ts';
export type { RedisEntryDescription, RedisMode } from './entry.ts';
export { explainCommand } from './explain-command.ts';
export { type HeavyKey, type HotKey, type HotKeysReport, mergeHotKeys } from './observed/hot-keys.ts';
export type { RedisQuestion } from './observed/inspect.ts';
export { mergeSlotTraffic, type SlotTrafficReport } from './observed/slot-traffic.ts';
export { mergeSlowLogs, type SlowCommand, type SlowLogReport } from './observed/slow-log.ts';
export { redis } from './redis-family.ts';
export type { RedisSettings } from './redis-settings.ts';
export { termsFault } from './users/command-terms.ts';
export type { RedisUserDescription } from './users/redis-user.ts';
