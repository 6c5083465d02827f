/** Durations and sizes as people write them: `5s`, `1h30m`, `64KiB`. Everything that reads or writes one goes through here. */

const DURATION_UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

const SIZE_UNITS: Readonly<Record<string, number>> = {
  TiB: 2 ** 40,
  GiB: 2 ** 30,
  MiB: 2 ** 20,
  KiB: 2 ** 10,
  TB: 1e12,
  GB: 1e9,
  MB: 1e6,
  kB: 1e3,
  B: 1,
};

const NUMBER = '\\d+(?:\\.\\d+)?';

/** What a duration looks like: a number with a unit, once or several times. */
export const DURATION_PATTERN = new RegExp(`^(?:${NUMBER}(?:ms|s|m|h|d))+$`);

/** What a size looks like: one number with a unit. */
export const SIZE_PATTERN = new RegExp(`^${NUMBER}(?:[kMGT]B|[KMGT]iB|B)$`);

/** Reads `5s`, `500ms`, `1h30m`. @returns milliseconds; NaN where it is none */
export function parseDuration(text: string): number {
  if (!DURATION_PATTERN.test(text)) return Number.NaN;
  let ms = 0;
  for (const [, number, unit] of text.matchAll(new RegExp(`(${NUMBER})([a-z]+)`, 'g')))
    ms += Number(number) * (DURATION_UNITS[unit as string] as number);
  return withoutNoise(ms);
}

/** Reads `1MiB`, `64kB`, `100B`. @returns bytes; NaN where it is none */
export function parseSize(text: string): number {
  if (!SIZE_PATTERN.test(text)) return Number.NaN;
  const [, number, unit] = /^([\d.]+)(\w+)$/.exec(text) as unknown as [string, string, string];
  return withoutNoise(Number(number) * (SIZE_UNITS[unit] as number));
}

/** A fraction such as 1.1 is not exact in binary, and its multiple has to be. */
function withoutNoise(value: number): number {
  return Math.abs(value - Math.round(value)) < 1e-6 ? Math.round(value) : value;
}

/** Writes milliseconds in the largest unit that leaves no fraction: `5s`, `1500ms`. Days are written in hours. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const unit = ['h', 'm', 's'].find((each) => ms % (DURATION_UNITS[each] as number) === 0) ?? 'ms';
  return `${ms / (DURATION_UNITS[unit] as number)}${unit}`;
}

/** Writes bytes in the largest unit that leaves no fraction: `1MiB`, `64kB`, `65535B`. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0B';
  const [unit, factor] = Object.entries(SIZE_UNITS).find(([, each]) => bytes % each === 0) as [string, number];
  return `${bytes / factor}${unit}`;
}
