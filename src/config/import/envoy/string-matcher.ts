import type { Fields } from '../fields.ts';
import { literally, type TextTest, wholeText } from '../match.ts';

/** Reads a StringMatcher; null where it says nothing, or what we have no equivalent of, which `finish` reports. */
export function readStringMatcher(matcher: Fields): TextTest | null {
  const found = readTextTest(matcher);
  if (!matcher.flag('ignore_case') || found === null) return found;
  if ('regex' in found) return { regex: `(?i:${found.regex})` };
  return 'exact' in found
    ? { regex: `^(?i:${literally(found.exact)})$` }
    : { regex: `^(?i:${literally(found.prefix)})` };
}

/**
 * Reads the fields of which a text's matcher has one.
 * @param ending that of their names: header matchers have them as `exact_match` and the like, from before there was a StringMatcher
 */
export function readTextTest(matcher: Fields, ending: '' | '_match' = ''): TextTest | null {
  const exact = matcher.text(`exact${ending}`);
  if (exact !== undefined) return { exact };
  const prefix = matcher.text(`prefix${ending}`);
  if (prefix !== undefined) return { prefix };
  const suffix = matcher.text(`suffix${ending}`);
  if (suffix !== undefined) return { regex: `${literally(suffix)}$` };
  const contains = matcher.text(`contains${ending}`);
  if (contains !== undefined) return { regex: literally(contains) };
  return matcher.has(`safe_regex${ending}`) ? readRegex(matcher.mapping(`safe_regex${ending}`)) : null;
}

/** A RegexMatcher, which matches a whole text. */
export function readRegex(matcher: Fields): { readonly regex: string } | null {
  matcher.take('google_re2');
  const regex = matcher.text('regex');
  return regex === undefined ? null : { regex: wholeText(regex) };
}
