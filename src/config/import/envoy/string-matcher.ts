import type { Fields } from '../fields.ts';
import { literally, type TextTest, wholeText } from '../match.ts';

/** Reads a StringMatcher; null where it says nothing, or what we have no like of, which `finish` tells. */
export function readStringMatcher(matcher: Fields): TextTest | null {
  const found = readCases(matcher);
  if (!matcher.flag('ignore_case') || found === null) return found;
  if ('regex' in found) return { regex: `(?i:${found.regex})` };
  return 'exact' in found
    ? { regex: `^(?i:${literally(found.exact)})$` }
    : { regex: `^(?i:${literally(found.prefix)})` };
}

function readCases(matcher: Fields): TextTest | null {
  const exact = matcher.text('exact');
  if (exact !== undefined) return { exact };
  const prefix = matcher.text('prefix');
  if (prefix !== undefined) return { prefix };
  const suffix = matcher.text('suffix');
  if (suffix !== undefined) return { regex: `${literally(suffix)}$` };
  const contains = matcher.text('contains');
  if (contains !== undefined) return { regex: literally(contains) };
  return matcher.has('safe_regex') ? readRegex(matcher.mapping('safe_regex')) : null;
}

/** A RegexMatcher, which matches a whole text. */
export function readRegex(matcher: Fields): { readonly regex: string } | null {
  matcher.take('google_re2');
  const regex = matcher.text('regex');
  return regex === undefined ? null : { regex: wholeText(regex) };
}
