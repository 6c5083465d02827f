/** Housekeeping: which node carries out which task for what, when, and with which fencing token. */
export { Board } from './board.ts';
export {
  type Claim,
  clusterElection,
  type Order,
  type RunOutcome,
  type RunRecord,
  shardElection,
  type TaskDescription,
  type TaskState,
  type UnitState,
} from './entries.ts';
export { Housekeeper, type HousekeeperOptions, type HousekeepingListener } from './housekeeper.ts';
export { HousekeepingMetrics } from './metrics.ts';
export { checkCron, type Schedule, scheduleText } from './schedule.ts';
export {
  type HousekeepingSettings,
  housekeepingSchema,
  type TaskSettingsDocument,
  taskSettings,
  taskSettingsSchema,
} from './settings.ts';
export { type Progress, type Run, RunOver, StaleRun, type Task, type TaskSettings } from './task.ts';
export type { ProjectsBy } from './territory.ts';
export { parseUnit, type Unit, type UnitKind, unitText } from './unit.ts';
