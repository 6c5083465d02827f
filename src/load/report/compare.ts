import { z } from 'zod';
import { REPORT_FORMAT } from './report.ts';

const latencies = z.object({
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
  mean: z.number(),
});

/** What is compared; a report has more. */
const comparable = z.object({
  format: z.literal(REPORT_FORMAT),
  target: z.string(),
  call: z.string(),
  pattern: z.string(),
  requests: z.number(),
  errors: z.number(),
  perSecond: z.number(),
  imbalance: z.number(),
  latencyMs: latencies,
  calls: z.array(z.object({ name: z.string(), requests: z.number(), latencyMs: latencies })),
  pauses: z.object({ all: z.array(z.object({ lastsMs: z.number() })) }),
  watches: z.object({ mostOpen: z.number(), reattached: z.number(), reattachMs: latencies }).nullable(),
  check: z.object({ violations: z.number() }).nullable(),
});

export type ComparableReport = z.infer<typeof comparable>;

/** Reads what `--json` has written. @throws Error where it is none */
export function parseReport(text: string, file: string): ComparableReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = comparable.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${file} is not a report of keyway load --json: ${issue?.path.join('.')} is not valid`);
}

/** A figure of two runs. */
export interface Compared {
  readonly figure: string;
  readonly one: number;
  readonly other: number;
  /** The other by the one; null where there is nothing to divide by. */
  readonly ratio: number | null;
}

/** Two runs side by side. */
export function compareReports(one: ComparableReport, other: ComparableReport): Compared[] {
  const rows: Compared[] = [];
  const add = (figure: string, of: (report: ComparableReport) => number | undefined): void => {
    const [a, b] = [of(one), of(other)];
    if (a === undefined || b === undefined) return;
    rows.push({ figure, one: a, other: b, ratio: a === 0 ? null : b / a });
  };
  add('requests', ({ requests }) => requests);
  add('requests a second', ({ perSecond }) => perSecond);
  add('errors', ({ errors }) => errors);
  for (const name of ['p50', 'p90', 'p99', 'p999', 'max', 'mean'] as const)
    add(`${name === 'p999' ? 'p99.9' : name}, ms`, ({ latencyMs }) => latencyMs[name]);
  const names = one.calls.filter(({ requests }) => requests > 0).map(({ name }) => name);
  if (names.length > 1)
    for (const name of names)
      for (const percentile of ['p50', 'p99'] as const)
        add(
          `${name} ${percentile}, ms`,
          ({ calls }) => calls.find((call) => call.name === name)?.latencyMs[percentile],
        );
  add('imbalance', ({ imbalance }) => imbalance);
  add('pauses', ({ pauses }) => pauses.all.length);
  add('longest pause, ms', ({ pauses }) => Math.max(0, ...pauses.all.map(({ lastsMs }) => lastsMs)));
  add('watches at most', ({ watches }) => watches?.mostOpen);
  add('watches back', ({ watches }) => watches?.reattached);
  add('back after, p99, ms', ({ watches }) => watches?.reattachMs.p99);
  add('violations', ({ check }) => check?.violations);
  return rows;
}
