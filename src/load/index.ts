/** Puts a load on a target and reports what came of it. It knows a target, and not what stands behind it. */
export {
  CallError,
  type CallSettings,
  callSchema,
  type LoadPlanFile,
  PreparedCall,
  planSchema,
  prepareCalls,
  reflectedFiles,
  TemplateError,
} from './calls/index.ts';
export { MAX_OPERATIONS } from './check/index.ts';
export { documentsPlan } from './documents-plan.ts';
export type { Second } from './record/index.ts';
export {
  type ComparableReport,
  type Compared,
  compareReports,
  type FailCondition,
  type LiveState,
  type LoadReport,
  liveText,
  loadReport,
  type Mark,
  type Origin,
  parseFailConditions,
  parseReport,
  reportPage,
  reportText,
  secondText,
  seriesCsv,
} from './report/index.ts';
export {
  highestRate,
  type KeyDistribution,
  KeySpace,
  type LoadPlan,
  LoadRun,
  type Pattern,
  type Rate,
  type Spread,
} from './run/index.ts';
export { seeded } from './seeded.ts';
export type { Target, TargetTls } from './transport/index.ts';
