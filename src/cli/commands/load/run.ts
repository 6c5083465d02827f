import { setTimeout as sleep } from 'node:timers/promises';
import {
  type LoadReport,
  LoadRun,
  loadReport,
  parseFailConditions,
  reportPage,
  reportText,
  seeded,
  seriesCsv,
} from '../../../load/index.ts';
import { addressText } from '../../../runtime/address.ts';
import { checkWritable, writeNamedFile } from '../../../runtime/named-file.ts';
import { EXIT_FAILURE } from '../../../runtime/usage-error.ts';
import { writeFault, writeOut } from '../../output/terminal.ts';
import { onLostByNpm } from '../../signals.ts';
import { planOf, preparedCalls } from './calls.ts';
import { Marks } from './marks.ts';
import { type TargetOption, timedCommands } from './options.ts';
import { asUsage, callText, checkBounds, keysOf, type LoadFlags, patternText, planOfRun, targetOf } from './plan.ts';
import { runOrigin } from './run-origin.ts';
import { loadView } from './view.ts';

/** Carries a load out as the command line says, and ends the process. @throws UsageError DocumentError */
export async function load(option: TargetOption, flags: LoadFlags): Promise<void> {
  checkBounds(option, flags);
  const conditions = flags.failOn === undefined ? [] : asUsage(() => parseFailConditions(flags.failOn as string));
  const commands = asUsage(() => timedCommands(flags.at ?? []));
  const random = flags.seed === undefined ? Math.random : seeded(flags.seed);
  const keys = keysOf(flags);
  const target = targetOf(option, flags);
  const calls = await preparedCalls(planOf(flags), flags, target, random, keys.at(0).key);
  const plan = planOfRun(flags, target, keys, calls);
  const registry = flags.registry || process.env.KEYWAY_REGISTRY || undefined;
  const what = { origin: runOrigin(), target: addressText(target), call: callText(plan), pattern: patternText(plan) };
  // Before the load, and not behind it, when what came of it would be lost.
  for (const file of [flags.json, flags.csv, flags.html]) if (file !== undefined) checkWritable(file);

  const run: LoadRun = new LoadRun(plan, {
    clock: () => performance.now(),
    random,
    onCounting: () => marks.begin(commands, registry),
    mayEnd: async () => {
      if (flags.afterCommands === undefined) return;
      await marks.done();
      await sleep(flags.afterCommands);
    },
    onSecond: (second) => view.onSecond(second),
  });
  const marks = new Marks(
    () => run.nowMs,
    (mark) => view.onMark(mark),
  );
  const report = (countedMs: number): LoadReport =>
    loadReport({
      ...what,
      recorder: run.recorder,
      countedMs,
      pauseMs: plan.pauseMs,
      watches: calls.some(({ settings }) => settings.watch !== undefined) ? run.watches.report : null,
      marks: marks.all,
      check: run.check,
    });
  const view = loadView(flags.live ?? process.stderr.isTTY === true, () => ({
    ...what,
    latencyMs: run.recorder.latencies,
    statuses: Object.fromEntries(run.recorder.statuses),
    shards: Object.fromEntries(run.recorder.shards),
    series: run.recorder.seconds,
    marks: marks.all,
    elapsedMs: Math.max(0, run.nowMs),
    durationMs: plan.durationMs,
    openWatches: run.watches.open,
  }));
  if (registry !== undefined) marks.watch(registry);
  const stopping = new AbortController();
  // Once: a second one ends it without a report.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopping.abort());
  onLostByNpm(() => stopping.abort());
  let countedMs = 0;
  try {
    countedMs = await run.run(stopping.signal);
  } finally {
    await marks.end();
    view.end();
  }
  process.exit(showReport(report(countedMs), flags, [...marks.failures], conditions));
}

/** Writes what came of it. @returns the exit code */
function showReport(
  report: LoadReport,
  { json, csv, html }: LoadFlags,
  faults: string[],
  conditions: ReturnType<typeof parseFailConditions>,
): number {
  writeOut(reportText(report));
  if (json !== undefined) writeNamedFile(json, `${JSON.stringify(report, null, 2)}\n`);
  if (csv !== undefined) writeNamedFile(csv, seriesCsv(report.series));
  if (html !== undefined) writeNamedFile(html, reportPage(report));
  for (const condition of conditions) faults.push(...[condition.fault(report)].filter((fault) => fault !== null));
  for (const fault of faults) writeFault(fault);
  return faults.length > 0 || (report.check?.violations ?? 0) > 0 ? EXIT_FAILURE : 0;
}
