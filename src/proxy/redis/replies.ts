import { Outcome, type StatusKind, type TrafficCounters } from '../core/counters.ts';

/** Codes of errors by which a server says that it is in trouble itself. */
const SERVER_ERRORS = [
  'BUSY',
  'CLUSTERDOWN',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'OOM',
  'READONLY',
  'TRYAGAIN',
] as const;
/** Codes that speak of the command. */
const CLIENT_ERRORS = ['ERR', 'EXECABORT', 'NOAUTH', 'NOPERM', 'NOSCRIPT', 'WRONGTYPE'] as const;

/** Replies of Redis: values, and errors by their code, which is the first word. Other codes are counted together. */
export const redisReplies: StatusKind = {
  metric: 'redis_replies',
  help: 'Replies of Redis, by the code of the error.',
  label: 'code',
  names: ['ok', ...SERVER_ERRORS, ...CLIENT_ERRORS, 'other'],
  always: ['ok'],
};

const OK = 0;
const OTHER = redisReplies.names.length - 1;
const SPACE = 0x20;
/** No code is longer. */
const LONGEST_CODE = 16;

/** The number that an error is counted under. @param start of its line, at the `-` */
export function errorNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let code = '';
  for (; at < end && bytes[at] !== SPACE && code.length < LONGEST_CODE; at++)
    code += String.fromCharCode(bytes[at] as number);
  const number = redisReplies.names.indexOf(code);
  return number > OK ? number : OTHER;
}

export function outcomeOf(number: number): Outcome {
  if (number === OK) return Outcome.Ok;
  return number <= SERVER_ERRORS.length ? Outcome.ServerError : Outcome.ClientError;
}

/** Counts a reply. @param number 0: it is no error */
export function countReply({ statuses }: TrafficCounters, number: number): void {
  const counts = statuses[redisReplies.metric];
  if (counts?.[number] !== undefined) counts[number]++;
}
