import { Pattern } from './pattern.ts';

/** How a text is matched. */
export type TextMatch =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly regex: string }
  | { readonly present: boolean };

/** Whether one of the values matches; for `present`, whether there are any. */
export function textMatcher(match: TextMatch): (values: readonly string[]) => boolean {
  if ('present' in match) return (values) => values.length > 0 === match.present;
  if ('exact' in match) return (values) => values.includes(match.exact);
  if ('prefix' in match) return (values) => values.some((value) => value.startsWith(match.prefix));
  const pattern = new Pattern(match.regex);
  return (values) => values.some((value) => pattern.matches(value));
}
