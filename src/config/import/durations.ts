import { parseDuration } from '../../runtime/quantity.ts';
import type { Fields } from './fields.ts';

/** A duration as Go writes it, `1h30m`, `15s`, in milliseconds. `0s` is none. */
export function readDuration(fields: Fields, name: string): number | undefined {
  const text = fields.text(name);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (!Number.isNaN(ms)) return Math.round(ms) === 0 ? undefined : Math.round(ms);
  fields.leaveOut(name, `${text} is not a duration`);
  return undefined;
}
