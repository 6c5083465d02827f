import { isReservedHeader } from '../../schema/route.ts';
import type { Fields } from '../fields.ts';
import { type ImportedHeaders, type ImportedRules, plainValue } from '../header-rules.ts';

/** Reads the `headers` of a route, or of its destination. */
export function readHeaderRules(headers: Fields): ImportedHeaders {
  return { request: readRules(headers.mapping('request')), response: readRules(headers.mapping('response')) };
}

function readRules(rules: Fields): ImportedRules {
  const remove = rules.texts('remove').filter((name) => {
    if (isReservedHeader(name)) rules.leaveOut('remove', `${name} cannot be changed by a rule`);
    return !isReservedHeader(name);
  });
  return { set: changed(rules, 'set'), add: changed(rules, 'add'), remove };
}

function changed(rules: Fields, what: 'set' | 'add'): Record<string, string> {
  const headers = Object.entries(rules.dictionary(what)).flatMap(([name, text]) => {
    const value = plainValue(text);
    if (isReservedHeader(name)) rules.leaveOut(`${what}.${name}`, 'the header cannot be changed by a rule');
    else if (value === null) rules.leaveOut(`${what}.${name}`, `${text}: Keyway does not support %…% commands`);
    else return [[name, value]];
    return [];
  });
  return Object.fromEntries(headers);
}
