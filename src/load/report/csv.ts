import type { Second } from '../record/index.ts';

/** The seconds, as a table that spreadsheets read. */
export function seriesCsv(series: readonly Second[]): string {
  const shards = [...new Set(series.flatMap((second) => Object.keys(second.shards)))].sort();
  const rows = series.map(({ second, requests, errors, p50Ms, p99Ms, p999Ms, maxMs, watches, shards: by }) =>
    [second, requests, errors, p50Ms, p99Ms, p999Ms, maxMs, watches, ...shards.map((shard) => by[shard] ?? 0)].join(
      ',',
    ),
  );
  const names = ['second', 'requests', 'errors', 'p50_ms', 'p99_ms', 'p999_ms', 'max_ms', 'watches'];
  return `${[[...names, ...shards.map(quoted)].join(','), ...rows].join('\n')}\n`;
}

/** RFC 4180, and no formula for a spreadsheet: a shard's name comes from the other side. */
function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
