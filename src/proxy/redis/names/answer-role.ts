import type { CommandInfo } from '../commands/index.ts';

/** What a value of an answer is: a key or a channel, something else, or a list with values of its own. */
export type AnswerRole = 'name' | 'other' | ListRole;

/** @property of what stands at a place of a list; a map has keys at even places, and values at odd ones */
export interface ListRole {
  readonly of: (place: number, isMap: boolean) => AnswerRole;
}

/** `[key, value…]`, as of BLPOP and LMPOP. */
const NAME_FIRST: ListRole = { of: (place) => (place === 0 ? 'name' : 'other') };
const NAMES: ListRole = { of: () => 'name' };
/** `[cursor, [key…]]` */
const PAGE: ListRole = { of: (place) => (place === 1 ? NAMES : 'other') };
/** `[name, number, name, number…]`, or a map of the same. */
const NAMES_AND_VALUES: ListRole = { of: (place) => (place % 2 === 0 ? 'name' : 'other') };
/** `[[key, entries]…]`; in RESP3 a map. */
const STREAMS: ListRole = { of: (place, isMap) => (isMap ? NAMES_AND_VALUES.of(place, true) : NAME_FIRST) };

/** Answers that have names of keys or channels in them. Scripts may answer anything, and name keys as the servers do. */
const ROLES: Readonly<Record<string, ListRole>> = {
  keys: NAMES,
  scan: PAGE,
  blpop: NAME_FIRST,
  brpop: NAME_FIRST,
  bzpopmin: NAME_FIRST,
  bzpopmax: NAME_FIRST,
  lmpop: NAME_FIRST,
  blmpop: NAME_FIRST,
  zmpop: NAME_FIRST,
  bzmpop: NAME_FIRST,
  xread: STREAMS,
  xreadgroup: STREAMS,
  'pubsub|channels': NAMES,
  'pubsub|shardchannels': NAMES,
  'pubsub|numsub': NAMES_AND_VALUES,
  'pubsub|shardnumsub': NAMES_AND_VALUES,
};

/** What a command's answer is. */
export function answerRole({ name }: CommandInfo): AnswerRole {
  return ROLES[name] ?? 'other';
}

/** What EXEC answers: what each command does. */
export function answerOfAll(roles: readonly AnswerRole[]): ListRole {
  return { of: (place) => roles[place] ?? 'other' };
}
