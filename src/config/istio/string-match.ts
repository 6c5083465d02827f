import type { Fields } from './fields.ts';

/** One of Istio's StringMatch, in the terms of our config. */
export type StringMatch = { readonly exact: string } | { readonly prefix: string } | { readonly regex: string };

/** Reads a StringMatch; null where it says nothing, or what we have no like of, which `finish` tells. */
export function readStringMatch(match: Fields): StringMatch | null {
  const exact = match.text('exact');
  if (exact !== undefined) return { exact };
  const prefix = match.text('prefix');
  if (prefix !== undefined) return { prefix };
  const regex = match.text('regex');
  return regex === undefined ? null : { regex: wholeText(regex) };
}

/** Istio's expressions match a whole text, ours anywhere in it. */
export function wholeText(regex: string): string {
  return `^(?:${regex})$`;
}
