import type { Fields } from '../fields.ts';
import { type TextTest, wholeText } from '../match.ts';

/** Reads a StringMatch; null where it says nothing, or what we have no equivalent of, which `finish` reports. */
export function readStringMatch(match: Fields): TextTest | null {
  const exact = match.text('exact');
  if (exact !== undefined) return { exact };
  const prefix = match.text('prefix');
  if (prefix !== undefined) return { prefix };
  const regex = match.text('regex');
  return regex === undefined ? null : { regex: wholeText(regex) };
}
