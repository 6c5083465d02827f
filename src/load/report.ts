import type { Latencies, Recorder, Second } from './recorder.ts';

/** What came of a run: plain data, for files and for people. */
export interface LoadReport {
  readonly target: string;
  readonly call: string;
  readonly pattern: string;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly perSecond: number;
  readonly latencyMs: Latencies;
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers by who gave them; empty where that was not told. */
  readonly shards: Readonly<Record<string, number>>;
  /** How much more than its even part the busiest shard had; 1: no more. 0: not known. */
  readonly imbalance: number;
  readonly series: readonly Second[];
}

export function loadReport(
  what: Pick<LoadReport, 'target' | 'call' | 'pattern'>,
  recorder: Recorder,
  countedMs: number,
): LoadReport {
  const seconds = countedMs / 1000;
  const answered = recorder.shards.reduce((sum, [, count]) => sum + count, 0);
  const [busiest] = recorder.shards;
  return {
    ...what,
    seconds,
    requests: recorder.requests,
    errors: recorder.errors,
    perSecond: seconds === 0 ? 0 : recorder.requests / seconds,
    latencyMs: recorder.latencies,
    statuses: Object.fromEntries(recorder.statuses),
    shards: Object.fromEntries(recorder.shards),
    imbalance: busiest === undefined ? 0 : (busiest[1] * recorder.shards.length) / answered,
    series: recorder.seconds,
  };
}

const ms = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;

/** A line for a second, on a terminal or in a log. */
export function secondText({ second, requests, errors, p50Ms, p99Ms, maxMs }: Second): string {
  const cells = [`${requests}/s`, `p50 ${ms(p50Ms)}`, `p99 ${ms(p99Ms)}`, `max ${ms(maxMs)}`];
  return `${String(second).padStart(5)} s  ${cells.map((cell) => cell.padEnd(14)).join(' ')} ${errors} errors`;
}

/** The whole, for people. */
export function reportText(report: LoadReport): string {
  const { latencyMs, requests, errors, seconds, perSecond } = report;
  const share = (count: number): string => `${((100 * count) / requests).toFixed(1)}%`;
  const counts = (title: string, counted: Readonly<Record<string, number>>): string[] => {
    const width = Math.max(...Object.keys(counted).map((name) => name.length), title.length);
    return Object.entries(counted).map(
      ([name, count], i) =>
        `${(i === 0 ? title : '').padEnd(9)} ${name.padEnd(width)}  ${String(count).padStart(9)}  ${share(count)}`,
    );
  };
  return [
    `${report.call} at ${report.target}, ${report.pattern}`,
    '',
    `requests  ${requests} in ${seconds.toFixed(1)} s, ${perSecond.toFixed(0)} a second, ${errors} errors`,
    `latency   p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)}, p99.9 ${ms(latencyMs.p999)}, max ${ms(latencyMs.max)}`,
    ...counts('status', report.statuses),
    ...counts('shard', report.shards),
    ...(report.imbalance === 0
      ? []
      : [`imbalance ${report.imbalance.toFixed(2)} times the even part, at the busiest shard`]),
    '',
  ].join('\n');
}

/** The seconds, as a table that spreadsheets read. */
export function seriesCsv(series: readonly Second[]): string {
  const rows = series.map(({ second, requests, errors, p50Ms, p99Ms, maxMs }) =>
    [second, requests, errors, p50Ms, p99Ms, maxMs].join(','),
  );
  return `${['second,requests,errors,p50_ms,p99_ms,max_ms', ...rows].join('\n')}\n`;
}
