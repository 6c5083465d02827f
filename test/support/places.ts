/** Where a value stands in a document, as the names on the way to it. */
export type Place = ReadonlyArray<string | number>;

/** Every place in a document, also of what has others below it. */
export function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) => [[name], ...placesIn(below).map((path) => [name, ...path])]);
}

/** Puts another value in a place; one that is gone by now stays so. */
export function replace(within: unknown, [name, ...rest]: Place, value: unknown): void {
  if (typeof within !== 'object' || within === null || name === undefined) return;
  const mapping = within as Record<string | number, unknown>;
  if (rest.length > 0) replace(mapping[name], rest, value);
  else mapping[name] = value;
}
