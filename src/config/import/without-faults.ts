import type { z } from 'zod';
import { ownWords } from '../../yaml/index.ts';
import type { Difference } from './fields.ts';

/** More faults than that are no configuration any more. */
const MAX_FAULTS = 100;

/**
 * Takes out of a part of our config what its schema refuses, and reports it by the place in the foreign file that it
 * comes from.
 * @param needed fields without which the part makes no sense, or another
 * @returns null where it has to be left out
 */
export function withoutFaults(
  schema: z.ZodType,
  part: object,
  place: string,
  needed: readonly string[],
  differences: Difference[],
): object | null {
  const left = structuredClone(part) as Record<PropertyKey, unknown>;
  for (let faults = 0; faults < MAX_FAULTS; faults++) {
    const issue = schema.safeParse(left, { error: ownWords }).error?.issues[0];
    if (issue === undefined) return left;
    const isNeeded = issue.path.length === 0 || needed.includes(String(issue.path[0]));
    const consequence = isNeeded ? '; all of it is left out' : '';
    differences.push({
      kind: 'left out',
      field: [place, ...issue.path].join('.'),
      reason: `${issue.message}${consequence}`,
    });
    if (isNeeded) return null;
    remove(left, issue.path);
  }
  return null;
}

/** Takes a value out of the mapping or list that it stands in; where it is that which is missing, what it is missing in. */
function remove(within: Record<PropertyKey, unknown>, path: readonly PropertyKey[]): void {
  const [name, ...rest] = path as [PropertyKey, ...PropertyKey[]];
  const below = within[name];
  const [next] = rest;
  const holds = next !== undefined && typeof below === 'object' && below !== null && next in below;
  if (holds) remove(below as Record<PropertyKey, unknown>, rest);
  else if (Array.isArray(within)) within.splice(Number(name), 1);
  else delete within[name];
}
