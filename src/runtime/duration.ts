const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `30s`, `500ms`, `2m`. @returns milliseconds; NaN where it is none */
export function durationMs(text: string): number {
  const [, number = '', unit = ''] = /^([0-9.]+)(ms|s|m|h)$/.exec(text) ?? [];
  return Number(number) * (UNITS_MS[unit] ?? Number.NaN);
}
