import type { Fields } from '../fields.ts';
import { type ImportedMatch, isHeader, literally, type TextTest } from '../match.ts';
import { readRegex, readStringMatcher, readTextTest } from './string-matcher.ts';

/** gRPC's content types (Envoy's `grpc: {}`). */
const GRPC = { regex: '^application/grpc(?:[+].*)?$' };

type HeaderTest = TextTest | { readonly present: boolean };

/**
 * Reads a RouteMatch. Where a condition of it has no place here, the route would take requests that are not meant for it:
 * then it is null, and that has been reported.
 */
export function readMatch(match: Fields): ImportedMatch | null {
  const path = readPath(match);
  const methods: string[] = [];
  const headers = readHeaders(match, methods);
  if (match.has('grpc')) {
    match.mapping('grpc');
    addTest(headers, 'content-type', GRPC, match);
  }
  match.finish('Keyway has no such condition');
  if (path !== null && !match.hasLeftOut)
    return {
      ...path,
      ...(methods.length > 0 && { methods }),
      ...(headers.size > 0 && { headers: Object.fromEntries(headers) }),
    };
  match.leaveOut('', 'the route is left out, because it would take other requests too; its own go to the next match');
  return null;
}

function readPath(match: Fields): ImportedMatch | null {
  const isExactCase = !match.has('case_sensitive') || match.flag('case_sensitive');
  const prefix = match.text('prefix');
  if (prefix !== undefined) return isExactCase ? { prefix } : { regex: `^(?i:${literally(prefix)})` };
  const path = match.text('path');
  if (path !== undefined) return isExactCase ? { path } : { regex: `^(?i:${literally(path)})$` };
  const whole = match.text('path_separated_prefix');
  if (whole !== undefined)
    return { regex: isExactCase ? `^${literally(whole)}(?:/|$)` : `^(?i:${literally(whole)})(?:/|$)` };
  return match.has('safe_regex') ? readRegex(match.mapping('safe_regex')) : null;
}

function readHeaders(match: Fields, methods: string[]): Map<string, HeaderTest> {
  const tests = new Map<string, HeaderTest>();
  for (const matcher of match.list('headers')) {
    const name = matcher.text('name')?.toLowerCase() ?? '';
    const test = readHeader(matcher);
    if (test === null) matcher.leaveOut('', 'Keyway has no such header match');
    else if (name === ':method' && 'exact' in test) methods.push(test.exact);
    else if (isHeader(name)) addTest(tests, name, test, matcher);
    else matcher.leaveOut('', `${name} is not a request header`);
  }
  return tests;
}

/** Two tests of one header have to hold both: our config has one for each. */
function addTest(tests: Map<string, HeaderTest>, name: string, test: HeaderTest, where: Fields): void {
  if (tests.has(name)) where.leaveOut('', `${name} is matched twice`);
  tests.set(name, test);
}

function readHeader(matcher: Fields): HeaderTest | null {
  const isInverted = matcher.flag('invert_match');
  const test = readHeaderTest(matcher);
  if (!isInverted || test === null) return test;
  return 'present' in test ? { present: !test.present } : null;
}

/** Also in the forms that Envoy had before there was `string_match`. */
function readHeaderTest(matcher: Fields): HeaderTest | null {
  if (matcher.has('present_match')) return { present: matcher.flag('present_match') };
  if (matcher.has('string_match')) return readStringMatcher(matcher.mapping('string_match'));
  const test = readTextTest(matcher, '_match');
  const isOther = ['range_match', 'safe_regex_match'].some((field) => matcher.has(field));
  return test ?? (isOther ? null : { present: true });
}
