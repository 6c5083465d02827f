import type { z } from 'zod';
import { excerpt } from './excerpt.ts';

/** What a person would call a kind of value. */
const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  bigint: 'a whole number',
  boolean: 'true or false',
  int: 'a whole number',
  map: 'a mapping',
  null: 'nothing',
  number: 'a number',
  object: 'a mapping',
  record: 'a mapping',
  string: 'a text',
};

function kind(name: string): string {
  return KINDS[name] ?? name;
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  return kind(Array.isArray(value) ? 'array' : typeof value);
}

/**
 * Checks a value that a program has written.
 * @returns the value as its schema has it, or in one line what is wrong with it, by fields
 */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { readonly value: z.output<Schema> } | { readonly fault: string } {
  const { data, error } = schema.safeParse(value, { error: ownWords });
  if (error === undefined) return { value: data as z.output<Schema> };
  const faults = error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(' '));
  return { fault: faults.join('; ') };
}

/** What is wrong with a value where its schema has no words of its own: what to write instead, as its writer would say it. */
export const ownWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return mistaken(issue.input, kind(issue.expected));
    case 'invalid_value':
      return mistaken(issue.input, issue.values.map((value) => String(value)).join(' or '));
    case 'invalid_union':
      return mistaken(issue.input, 'one of the forms that this field takes');
    case 'too_small':
      return bound(issue.origin, `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`);
    case 'too_big':
      return bound(issue.origin, `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`);
    case 'not_multiple_of':
      return `write a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `is not written as ${issue.format === 'regex' ? 'it should be' : `a ${issue.format} is`}`;
    case 'unrecognized_keys':
      return `has unknown fields: ${issue.keys.join(', ')}`;
    default:
      return 'is not valid';
  }
};

function mistaken(input: unknown, wanted: string): string {
  if (input === undefined) return `is missing; give ${wanted}`;
  const written =
    typeof input === 'string' || typeof input === 'number' ? `"${excerpt(String(input))}"` : kindOf(input);
  return `is ${written}; give ${wanted}`;
}

/** Lengths are counted in what the value is made of. */
function bound(origin: string, bounds: string): string {
  if (origin === 'string') return bounds === 'at least 1' ? 'is empty; give a text' : `write ${bounds} characters`;
  if (origin === 'array' || origin === 'set')
    return bounds === 'at least 1' ? 'is empty; give one or more' : `give ${bounds} entries`;
  return `give ${bounds}`;
}
