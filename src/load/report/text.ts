import type { CheckReport } from '../check/index.ts';
import type { CallOutcomes, Latencies, Second, WatchReport } from '../record/index.ts';
import type { LoadReport } from './report.ts';

/** How many of the pauses are listed one by one: the longest. */
const SHOWN_PAUSES = 5;

export const msText = (value: number): string => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;

/** A line for a second, in a log. */
export function secondText({ second, requests, errors, p50Ms, p99Ms, maxMs, watches }: Second): string {
  const cells = [`${requests}/s`, `p50 ${msText(p50Ms)}`, `p99 ${msText(p99Ms)}`, `max ${msText(maxMs)}`];
  const open = watches === 0 ? '' : `, ${watches} watches`;
  return `${String(second).padStart(5)} s  ${cells.map((cell) => cell.padEnd(14)).join(' ')} ${errors} errors${open}`;
}

/** The whole, for people. */
export function reportText(report: LoadReport): string {
  const { latencyMs, requests, errors, seconds, perSecond, watches, check, marks } = report;
  return [
    `${report.call} at ${report.target}, ${report.pattern}`,
    '',
    `requests  ${requests} in ${seconds.toFixed(1)} s, ${perSecond.toFixed(0)} a second, ${errors} errors`,
    ...(requests === 0 ? [] : [`latency   ${latencyText(latencyMs)}`]),
    ...callLines(report.calls),
    ...countLines('status', report.statuses),
    ...countLines('shard', report.shards),
    ...(report.imbalance === 0
      ? []
      : [`imbalance ${report.imbalance.toFixed(2)} times an even share, at the busiest shard`]),
    ...pauseLines(report),
    ...(watches === null ? [] : watchLines(watches)),
    ...marks.map(
      ({ atMs, text }, i) => `${(i === 0 ? 'marks' : '').padEnd(9)} ${secondsText(atMs).padStart(8)}  ${text}`,
    ),
    ...(check === null ? [] : checkLines(check)),
    '',
  ].join('\n');
}

const secondsText = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function latencyText({ p50, p90, p99, p999, max }: Latencies): string {
  return `p50 ${msText(p50)}, p90 ${msText(p90)}, p99 ${msText(p99)}, p99.9 ${msText(p999)}, max ${msText(max)}`;
}

function callLines(calls: readonly CallOutcomes[]): string[] {
  const made = calls.filter(({ requests }) => requests > 0);
  if (made.length < 2) return [];
  const width = Math.max(...made.map(({ name }) => name.length));
  return made.map(({ name, requests, errors, latencyMs: { p50, p99 } }, i) => {
    const head = `${(i === 0 ? 'calls' : '').padEnd(9)} ${name.padEnd(width)}  ${String(requests).padStart(9)}`;
    return `${head}  p50 ${msText(p50)}, p99 ${msText(p99)}, ${errors} errors`;
  });
}

function countLines(title: string, counted: Readonly<Record<string, number>>): string[] {
  const width = Math.max(...Object.keys(counted).map((name) => name.length), title.length);
  const all = Object.values(counted).reduce((sum, each) => sum + each, 0);
  return Object.entries(counted).map(([name, each], i) => {
    const share = `${((100 * each) / all).toFixed(1)}%`;
    return `${(i === 0 ? title : '').padEnd(9)} ${name.padEnd(width)}  ${String(each).padStart(9)}  ${share}`;
  });
}

function pauseLines({ pauses: { thresholdMs, all } }: LoadReport): string[] {
  if (all.length === 0) return [`pauses    none: no request took longer than ${msText(thresholdMs)}`];
  const longest = [...all].sort((a, b) => b.lastsMs - a.lastsMs).slice(0, SHOWN_PAUSES);
  return [
    `pauses    ${all.length} times in which requests took longer than ${msText(thresholdMs)}; the longest:`,
    ...longest.map(
      ({ fromMs, lastsMs, requests, keys }) =>
        `${''.padEnd(9)} ${secondsText(fromMs).padStart(8)}  ${msText(lastsMs)}, ${requests} requests, ${keys} keys`,
    ),
  ];
}

function watchLines(report: WatchReport): string[] {
  const { open, mostOpen, opened, ended, reattached, reattachMs, detached, unanswered, shards, bytes } = report;
  return [
    `watches   ${open} open in the end, ${mostOpen} at most; ${opened} streams, ${bytes} bytes`,
    ...countLines('ended', ended),
    ...(reattached === 0 ? [] : [`back      ${reattached} after ${latencyText(reattachMs)}`]),
    ...(detached === 0 ? [] : [`away      ${detached} that have not come back`]),
    ...(unanswered === 0 ? [] : [`asked     ${unanswered} that were not answered`]),
    ...countLines('on shard', shards),
  ];
}

function checkLines(check: CheckReport): string[] {
  const { rules, operations, keys, keysMoved, keysWatched, writes, events, dropped } = check;
  return [
    `check     ${operations} calls for ${keys} keys (${keysMoved} of them by more than one shard), ${writes} writes, ${events} events of ${keysWatched} watched keys`,
    ...(dropped === 0 ? [] : [`          ${dropped} more calls were not checked`]),
    ...rules.flatMap(({ rule, violations, affected, examples }) => [
      violations === 0
        ? `          ${rule}: yes`
        : `          ${rule}: NO, ${violations} times, for ${affected} of them`,
      ...examples.slice(0, 3).map((example) => `            ${example}`),
    ]),
  ];
}
