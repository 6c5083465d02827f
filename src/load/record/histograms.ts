import { build, type Histogram } from 'hdr-histogram-js';

/** Three digits are right, from a microsecond to an hour: 95 KB. */
const MAX_US = 3_600_000_000;

export const newHistogram = (): Histogram =>
  build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_US,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    useWebAssembly: false,
  });

export function recordMs(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.min(MAX_US, Math.max(1, Math.round(ms * 1000))));
}

/** Milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

export function latenciesOf(histogram: Histogram): Latencies {
  if (histogram.totalCount === 0) return { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0 };
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue / 1000,
    mean: histogram.mean / 1000,
  };
}

/** What share of requests took no longer than that. */
export interface CumulativePoint {
  readonly percentile: number;
  readonly ms: number;
}

/** Each hundredth, and the last of them finer. */
const PERCENTILES: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => i + 1),
  ...Array.from({ length: 9 }, (_, i) => 99 + (i + 1) / 10),
  ...Array.from({ length: 9 }, (_, i) => 99.9 + (i + 1) / 100),
  99.999,
  100,
];

export function cumulative(histogram: Histogram): CumulativePoint[] {
  if (histogram.totalCount === 0) return [];
  return PERCENTILES.map((percentile) => ({ percentile, ms: histogram.getValueAtPercentile(percentile) / 1000 }));
}
