/** Leads clusters whose servers do not decide by themselves: probes them, and has replicas take over. To add a kind of servers, write a folder in `engines/`. */
export { adoptCluster } from './adopt.ts';
export type { ApiAccess } from './api-access.ts';
export { type ControllerLog, controllerElection, runController } from './controller.ts';
export {
  AlreadyMember,
  type ClusterNodes,
  type FoundCluster,
  type PlannedShard,
  type ShardKeeper,
  SlotMoveError,
} from './engine.ts';
export { withNode } from './engines/ask-node.ts';
export { ENGINE_NAMES, type EngineName, engines } from './engines/index.ts';
export { fieldsOf } from './engines/redis/node-report.ts';
export { weighSlots } from './engines/redis/slot-weights.ts';
export { OrderReplaced, StoredOrder } from './failover-order.ts';
export type { Leader } from './leader.ts';
export { MadeClusters, MadeRefused } from './made-clusters.ts';
export { levelMoves, type ShardLoad, type SlotWeights } from './migration/level-plan.ts';
export {
  directed,
  EMPTY_QUEUE,
  isOver,
  MIGRATION_VERBS,
  type Migration,
  type MigrationQueue,
  MigrationRefused,
  type MigrationVerb,
  queued,
  type ShardStep,
  type WantedMove,
} from './migration/migration.ts';
export { evenMoves, movesOfSlots, type PlannedMove } from './migration/plan.ts';
export { type ScalePlan, scalePlan } from './migration/scale.ts';
export { countSlots, slotsOfRanges } from './migration/slot-sets.ts';
export { QueueNotWritten, QueueUnreadable, StoredQueue } from './migration/stored-queue.ts';
export { FailoverNotDone, NoController, orderFailover } from './order-failover.ts';
export {
  type ApiSettings,
  type ControllerSettings,
  controllerSchema,
  type LeadingSettings,
  type LedClusterSettings,
  loadControllerSettings,
  parseControllerSettings,
} from './settings.ts';
export { Webhook, type WebhookLog } from './webhooks/webhook.ts';
