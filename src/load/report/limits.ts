import type { LoadReport } from './report.ts';

/** Something that a run has to keep to, as `p99>20ms` says that it does not. */
export interface FailCondition {
  readonly text: string;
  /** @returns what is wrong, or null */
  fault(report: LoadReport): string | null;
}

const METRICS: Readonly<
  Record<string, { readonly unit: 'ms' | 'count'; readonly of: (report: LoadReport) => number }>
> = {
  p50: { unit: 'ms', of: ({ latencyMs }) => latencyMs.p50 },
  p90: { unit: 'ms', of: ({ latencyMs }) => latencyMs.p90 },
  p99: { unit: 'ms', of: ({ latencyMs }) => latencyMs.p99 },
  'p99.9': { unit: 'ms', of: ({ latencyMs }) => latencyMs.p999 },
  max: { unit: 'ms', of: ({ latencyMs }) => latencyMs.max },
  mean: { unit: 'ms', of: ({ latencyMs }) => latencyMs.mean },
  pause: { unit: 'ms', of: ({ pauses }) => Math.max(0, ...pauses.all.map(({ lastsMs }) => lastsMs)) },
  'back.p99': { unit: 'ms', of: ({ watches }) => watches?.reattachMs.p99 ?? 0 },
  away: { unit: 'count', of: ({ watches }) => watches?.detached ?? 0 },
  errors: { unit: 'count', of: ({ errors }) => errors },
  violations: { unit: 'count', of: ({ check }) => check?.violations ?? 0 },
  imbalance: { unit: 'count', of: ({ imbalance }) => imbalance },
  rate: { unit: 'count', of: ({ perSecond }) => perSecond },
};

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** @param text such as `p99>20ms,errors>0`. @throws Error what is wrong with it */
export function parseFailConditions(text: string): FailCondition[] {
  return text.split(',').map((each) => {
    const [, name = '', operator, number, unit = ''] =
      /^\s*([a-z0-9.]+)\s*([<>])\s*([0-9.]+)\s*([a-z]*)\s*$/.exec(each) ?? [];
    const metric = METRICS[name];
    const factor = metric?.unit === 'ms' ? UNITS_MS[unit] : unit === '' ? 1 : undefined;
    if (metric === undefined || factor === undefined || Number.isNaN(Number(number)))
      throw new Error(
        `"${each}" is not a condition; write one such as p99>20ms, errors>0, rate<900 (${Object.keys(METRICS).join(', ')})`,
      );
    const bound = Number(number) * factor;
    return {
      text: each.trim(),
      fault: (report) => {
        const value = metric.of(report);
        const holds = operator === '>' ? value > bound : value < bound;
        return holds
          ? `${each.trim()}: it is ${value.toFixed(3).replace(/\.?0+$/, '')}${metric.unit === 'ms' ? 'ms' : ''}`
          : null;
      },
    };
  });
}
