/** The elements of a list of tokens (RFC 9110, 5.6.1), which have no comma inside. */
export function tokens(value: string): string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}
