/** What came of a run, for people and for programs. */

export { type ComparableReport, type Compared, compareReports, parseReport } from './compare.ts';
export { seriesCsv } from './csv.ts';
export { type FailCondition, parseFailConditions } from './limits.ts';
export { type LiveState, liveText } from './live.ts';
export { reportPage } from './page/page.ts';
export { type LoadReport, loadReport, type Mark, type Origin } from './report.ts';
export { reportText, secondText } from './text.ts';
