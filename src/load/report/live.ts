import type { LoadReport } from './report.ts';
import { msText } from './text.ts';

/** What a live view shows of a run that goes on. */
export interface LiveState
  extends Pick<LoadReport, 'target' | 'call' | 'pattern' | 'latencyMs' | 'statuses' | 'shards' | 'series' | 'marks'> {
  readonly elapsedMs: number;
  readonly durationMs: number;
  readonly openWatches: number;
}

/** Seconds of which the picture of the rate has a bar each. */
const BARS = 60;
const LEVELS = '▁▂▃▄▅▆▇█';
/** More shards, or kinds of status, than these are put together. */
const MAX_ROWS = 8;
const MAX_MARKS = 5;

/** A view of a run, a few lines. @param columns that the terminal has */
export function liveText(state: LiveState, columns: number): string[] {
  const { series, latencyMs, statuses, shards, marks, elapsedMs, durationMs, openWatches } = state;
  const last = series.at(-1);
  const errors = series.reduce((sum, second) => sum + second.errors, 0);
  const lines = [
    `${state.call} at ${state.target}, ${state.pattern}`,
    `${(elapsedMs / 1000).toFixed(0)} of ${(durationMs / 1000).toFixed(0)} s`,
    '',
    `rate      ${last?.requests ?? 0}/s  ${bars(series.slice(-BARS).map(({ requests }) => requests))}`,
    `p99       ${msText(last?.p99Ms ?? 0)}  ${bars(series.slice(-BARS).map(({ p99Ms }) => p99Ms))}`,
    `latency   last second p50 ${msText(last?.p50Ms ?? 0)}, p99 ${msText(last?.p99Ms ?? 0)}, p99.9 ${msText(last?.p999Ms ?? 0)}`,
    `          all         p50 ${msText(latencyMs.p50)}, p99 ${msText(latencyMs.p99)}, p99.9 ${msText(latencyMs.p999)}`,
    `errors    ${last?.errors ?? 0}/s, ${errors} in all`,
    ...rows('status', statuses),
    ...rows('shard', shards),
    ...(openWatches === 0 ? [] : [`watches   ${openWatches} open`]),
    ...marks
      .slice(-MAX_MARKS)
      .map(({ atMs, text }, i) => `${(i === 0 ? 'marks' : '').padEnd(9)} ${(atMs / 1000).toFixed(1)} s  ${text}`),
  ];
  return lines.map((line) => [...line].slice(0, columns).join(''));
}

function bars(values: readonly number[]): string {
  const most = Math.max(...values, 0);
  if (most === 0) return '';
  return values.map((value) => LEVELS[Math.min(7, Math.floor((value / most) * 8))] as string).join('');
}

function rows(title: string, counted: Readonly<Record<string, number>>): string[] {
  const entries = Object.entries(counted);
  const all = entries.reduce((sum, [, each]) => sum + each, 0);
  const shown = entries.slice(0, MAX_ROWS);
  const rest = entries.slice(MAX_ROWS).reduce((sum, [, each]) => sum + each, 0);
  if (rest > 0) shown.push([`${entries.length - MAX_ROWS} others`, rest]);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, each], i) => {
    const share = each / all;
    const bar = '█'.repeat(Math.round(share * 20));
    return `${(i === 0 ? title : '').padEnd(9)} ${name.padEnd(width)}  ${String(each).padStart(9)}  ${(100 * share).toFixed(1).padStart(5)}%  ${bar}`;
  });
}
