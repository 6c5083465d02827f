import { z } from 'zod';
import {
  DURATION_PATTERN,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from '../runtime/quantity.ts';

/** The least and the most that a field may be, in the unit in which the program has it. */
interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

/** The longest that a timer takes. */
const LONGEST_MS = 2_147_483_647;

/** A field for a duration such as `5s`. Its value is in whole milliseconds. */
export function duration({ least = 0, most = LONGEST_MS }: Bounds = {}) {
  return quantity(
    { pattern: DURATION_PATTERN, parse: parseDuration, format: formatDuration, examples: ['5s', '500ms', '2m'] },
    { least, most, whole: 'whole milliseconds' },
  );
}

/** A field for a size such as `1MiB`. Its value is in whole bytes. */
export function size({ least = 0, most = Number.MAX_SAFE_INTEGER }: Bounds = {}) {
  return quantity(
    { pattern: SIZE_PATTERN, parse: parseSize, format: formatSize, examples: ['1MiB', '64KiB', '100B'] },
    { least, most, whole: 'whole bytes' },
  );
}

interface Notation {
  readonly pattern: RegExp;
  readonly parse: (text: string) => number;
  readonly format: (value: number) => string;
  readonly examples: readonly [string, string, string];
}

function quantity(
  { pattern, parse, format, examples }: Notation,
  { least, most, whole }: Required<Bounds> & { readonly whole: string },
) {
  const [first, second, third] = examples;
  const like = `${first}, ${second} or ${third}`;
  const text = z
    .string({
      error: ({ input }) =>
        typeof input === 'number' ? `${input} has no unit; write it with one, such as ${like}` : undefined,
    })
    .regex(pattern, {
      error: ({ input }) =>
        /^[\d.]+$/.test(String(input))
          ? `"${input}" has no unit; write it with one, such as ${like}`
          : `is "${input}"; write ${like}`,
    });
  const value = z
    .int({ error: `write ${whole}` })
    .min(least, { error: `write ${format(least)} or more` })
    .max(most, { error: `write ${format(most)} or less` });
  return text.transform(parse).pipe(value);
}

/** What a field with a unit measures. */
export type Quantity = 'duration' | 'size';

/** Which quantity a node of a JSON schema is, by what it is written like; null: none. */
export function quantityOf(node: { readonly pattern?: string }): Quantity | null {
  if (node.pattern === DURATION_PATTERN.source) return 'duration';
  return node.pattern === SIZE_PATTERN.source ? 'size' : null;
}

/** @param value in milliseconds or bytes */
export function formatQuantity(quantity: Quantity, value: number): string {
  return quantity === 'duration' ? formatDuration(value) : formatSize(value);
}
