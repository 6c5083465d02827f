import { isReservedHeader } from '../../schema/route.ts';
import type { Fields } from '../fields.ts';
import { type ImportedHeaders, type ImportedRules, plainValue } from '../header-rules.ts';

/** Reads what a route, a virtual host or a route configuration does to headers. */
export function readHeaderMutations(fields: Fields): ImportedHeaders {
  return { request: readSide(fields, 'request'), response: readSide(fields, 'response') };
}

function readSide(fields: Fields, side: 'request' | 'response'): ImportedRules {
  const set: Record<string, string> = {};
  const add: Record<string, string> = {};
  for (const option of fields.list(`${side}_headers_to_add`)) {
    const kind = readAction(option);
    const header = option.mapping('header');
    const name = header.text('key') ?? '';
    const text = header.text('value') ?? '';
    const value = plainValue(text);
    if (kind === null) option.leaveOut('', 'Keyway sets or adds a header whether or not it exists');
    else if (isReservedHeader(name)) option.leaveOut('', `${name} cannot be changed by a rule`);
    else if (value === null) option.leaveOut('', `${text}: Keyway does not support %…% commands`);
    else (kind === 'set' ? set : add)[name] = value;
  }
  const remove = fields.texts(`${side}_headers_to_remove`).filter((name) => {
    if (isReservedHeader(name)) fields.leaveOut(`${side}_headers_to_remove`, `${name} cannot be changed by a rule`);
    return !isReservedHeader(name);
  });
  return { set, add, remove };
}

const ACTIONS: Readonly<Record<string, 'set' | 'add'>> = {
  APPEND_IF_EXISTS_OR_ADD: 'add',
  OVERWRITE_IF_EXISTS_OR_ADD: 'set',
};

/** Whether a header is set or added; null where neither. `append` is from before there was `append_action`. */
function readAction(option: Fields): 'set' | 'add' | null {
  if (option.has('append')) return option.flag('append') ? 'add' : 'set';
  return ACTIONS[option.text('append_action') ?? 'APPEND_IF_EXISTS_OR_ADD'] ?? null;
}
