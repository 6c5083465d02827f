/** Leads clusters whose servers do not decide by themselves: probes them, and has replicas take over. To add a kind of servers, write a folder in `engines/`. */
export { type ControllerLog, controllerElection, runController } from './controller.ts';
export { type FailoverOrder, StoredOrder } from './failover-order.ts';
export {
  directed,
  EMPTY_QUEUE,
  isOver,
  MIGRATION_VERBS,
  type Migration,
  MigrationRefused,
  type MigrationVerb,
  queued,
  type ShardStep,
  type WantedMove,
} from './migration/migration.ts';
export { evenMoves, movesOfSlots, type PlannedMove } from './migration/plan.ts';
export { type ScalePlan, scalePlan } from './migration/scale.ts';
export { countSlots } from './migration/slot-sets.ts';
export { StoredQueue } from './migration/stored-queue.ts';
export {
  type ControllerSettings,
  controllerSchema,
  type LedClusterSettings,
  loadControllerSettings,
  parseControllerSettings,
} from './settings.ts';
