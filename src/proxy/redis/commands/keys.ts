import type { Command } from '../../../resp/index.ts';
import type { CommandInfo } from './command-info.ts';
import type { KeyRange } from './server-command.ts';

/** Most commands with several keys have fewer. */
const FEW_KEYS = 16;
const ZERO = 0x30;
/** A number of keys with more digits is more than any command has. */
const MAX_DIGITS = 7;

/** Which arguments of a command are keys. One object serves all commands of a thread. */
export class KeyPlaces {
  count = 0;
  at = new Int32Array(FEW_KEYS);

  add(argument: number): void {
    if (this.count === this.at.length) {
      const larger = new Int32Array(2 * this.at.length);
      larger.set(this.at);
      this.at = larger;
    }
    this.at[this.count++] = argument;
  }
}

/**
 * Finds a command's keys, as the server itself does when it looks for their slots.
 * @returns false where the arguments are not in order, so that there is no telling; the server refuses such a command
 */
export function keysOf(info: CommandInfo, command: Command, into: KeyPlaces): boolean {
  into.count = 0;
  const { keyAt } = info;
  if (keyAt > 0) {
    if (keyAt >= command.count) return false;
    into.add(keyAt);
    return true;
  }
  const special = SPECIAL[info.name];
  if (special !== undefined) return special(command, into);
  for (const range of info.keys) {
    if (addRange(range, command, into)) continue;
    into.count = 0;
    return false;
  }
  return true;
}

/** Whether a command of which only the first arguments are here has all its keys among them. */
export function keysAreHere(info: CommandInfo, command: Command): boolean {
  if (command.count === command.total) return true;
  if (info.keyAt > 0) return info.keyAt < command.count;
  return SPECIAL[info.name] === undefined && info.keys.every((range) => isHere(range, command));
}

function isHere({ at, last, count, first, step }: KeyRange, command: Command): boolean {
  if (at === undefined) return false;
  if (last !== undefined) return last >= 0 && at + last < command.count;
  if (count === undefined || first === undefined || at + count >= command.count) return false;
  return at + first + step * (numberAt(command, at + count) - 1) < command.count;
}

/** Adds the keys of one range; false where they are not all there. */
function addRange(range: KeyRange, command: Command, into: KeyPlaces): boolean {
  const begin = range.at ?? behindWord(range, command);
  // Without its word, the command has no such keys.
  if (begin === 0) return true;
  return range.count === undefined ? addSpan(range, begin, command, into) : addCounted(range, begin, command, into);
}

function addSpan({ last = 0, limit = 0, step }: KeyRange, first: number, command: Command, into: KeyPlaces): boolean {
  const { count } = command;
  const end = last >= 0 ? first + last : limit > 0 ? first + Math.floor((count - first) / limit) + last : count + last;
  if (first >= count || end >= count || end < first) return false;
  for (let at = first; at <= end; at += step) into.add(at);
  return true;
}

function addCounted(
  { count = 0, first = 0, step }: KeyRange,
  begin: number,
  command: Command,
  into: KeyPlaces,
): boolean {
  if (begin + count >= command.count) return false;
  const number = numberAt(command, begin + count);
  const start = begin + first;
  if (!(number <= Math.floor((command.count - start) / step))) return false;
  for (let i = 0; i < number; i++) into.add(start + i * step);
  return true;
}

/** The argument behind a word; 0 where the word is not there. */
function behindWord({ behind = '', from = 0 }: KeyRange, command: Command): number {
  const { count } = command;
  if (from < 0) {
    for (let at = count + from; at > 1; at--) if (command.is(at, behind)) return at + 1;
    return 0;
  }
  for (let at = from; at < count - 1; at++) if (command.is(at, behind)) return at + 1;
  return 0;
}

/** A number of keys; NaN where the argument is none. */
function numberAt({ bytes, starts, ends }: Command, argument: number): number {
  const start = starts[argument] as number;
  const end = ends[argument] as number;
  if (end === start || end - start > MAX_DIGITS) return Number.NaN;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

type FindKeys = (command: Command, into: KeyPlaces) => boolean;

/** Commands whose keys no range describes. The functions follow those of Redis's db.c that bear their names. */
const SPECIAL: Readonly<Record<string, FindKeys>> = {
  sort: sortKeys,
  // Its patterns may name other keys, which Redis itself does not look for.
  sort_ro: firstKey,
  georadius: geoRadiusKeys,
  georadiusbymember: geoRadiusKeys,
  xread: xreadKeys,
  xreadgroup: xreadKeys,
};

/** Options of SORT with arguments of their own. */
const SORT_OPTIONS: ReadonlyArray<readonly [name: string, args: number]> = [
  ['limit', 2],
  ['get', 1],
  ['by', 1],
];

function firstKey(command: Command, into: KeyPlaces): boolean {
  if (command.count < 2) return false;
  into.add(1);
  return true;
}

/** `sortGetKeys`: the last STORE counts. */
function sortKeys(command: Command, into: KeyPlaces): boolean {
  if (!firstKey(command, into)) return false;
  let stored = 0;
  for (let at = 2; at < command.count; at++) {
    const option = SORT_OPTIONS.find(([name]) => command.is(at, name));
    if (option !== undefined) at += option[1];
    else if (command.is(at, 'store') && at + 1 < command.count) stored = ++at;
  }
  if (stored > 0) into.add(stored);
  return true;
}

const STAR = 0x2a;

/** The arguments of SORT that are patterns for other keys. Without a `*` a pattern names no key. */
export function patternsOf(command: Command): number[] {
  const patterns: number[] = [];
  for (let at = 2; at + 1 < command.count; at++) {
    const option = SORT_OPTIONS.find(([name]) => command.is(at, name));
    const isPattern = option !== undefined && option[0] !== 'limit';
    if (isPattern && indexIn(command, at + 1, STAR) >= 0) patterns.push(at + 1);
    // A list that is stored to may have the name of an option.
    if (option !== undefined) at += option[1];
    else if (command.is(at, 'store')) at++;
  }
  return patterns;
}

/** Where a byte stands in an argument, counted from its begin; -1: nowhere. */
function indexIn({ bytes, starts, ends }: Command, argument: number, byte: number): number {
  const start = starts[argument] as number;
  const at = bytes.indexOf(byte, start);
  return at >= 0 && at < (ends[argument] as number) ? at - start : -1;
}

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Whether all keys that a pattern makes have the same tag, because `{tag}` stands before its `*`. */
export function hasFixedTag(command: Command, argument: number): boolean {
  const star = indexIn(command, argument, STAR);
  const open = indexIn(command, argument, OPEN);
  const close = indexIn(command, argument, CLOSE);
  return open >= 0 && close > open + 1 && star > close;
}

/** `georadiusGetKeys`: the last STORE or STOREDIST counts. */
function geoRadiusKeys(command: Command, into: KeyPlaces): boolean {
  if (!firstKey(command, into)) return false;
  let stored = 0;
  for (let at = 5; at + 1 < command.count; at++)
    if (command.is(at, 'store') || command.is(at, 'storedist')) stored = ++at;
  if (stored > 0) into.add(stored);
  return true;
}

/** `xreadGetKeys`: options are read one by one, because a group or a consumer may be called STREAMS. */
function xreadKeys(command: Command, into: KeyPlaces): boolean {
  const { count } = command;
  for (let at = 1; at < count; at++) {
    if (command.is(at, 'block') || command.is(at, 'count') || command.is(at, 'claim')) at++;
    else if (command.is(at, 'group')) at += 2;
    else if (command.is(at, 'streams')) {
      const keys = (count - at - 1) / 2;
      if (keys < 1 || !Number.isInteger(keys)) return false;
      for (let i = 1; i <= keys; i++) into.add(at + i);
      return true;
    } else if (!command.is(at, 'noack')) return false;
  }
  return false;
}
