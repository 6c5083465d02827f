import type { Fields } from './fields.ts';

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** A duration as Go writes it, `1h30m`, `15s`, in milliseconds. `0s` is none. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const parts = [...text.matchAll(/([0-9.]+)(ms|[hms])/g)];
  if (parts.map(([part]) => part).join('') !== text) {
    fields.leaveOut(name, `${text} is no duration`);
    return undefined;
  }
  const ms = Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0), 0));
  return ms === 0 ? undefined : ms;
}
