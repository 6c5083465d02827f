import type { FailureCause } from '../core/failure.ts';
import type { Refusal } from '../core/refusal.ts';

/** Who a client is that gives a password alone, or none. */
export const DEFAULT_USER = 'default';

/** Errors that the router answers with on its own account, as they stand behind the `-`. The first word is the code that clients look at. */
export const ERRORS = {
  noAuth: 'NOAUTH Authentication required.',
  wrongPass: 'WRONGPASS invalid username-password pair or user is disabled.',
  noPassword:
    'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
  noProto: 'NOPROTO unsupported protocol version',
  protoNotInteger: 'ERR Protocol version is not an integer or out of range',
  syntax: 'ERR syntax error',
  othersNames: 'ERR a client that has subscribed to something cannot become a user with other names; RESET it first',
  notInteger: 'ERR value is not an integer or out of range',
  timeoutNotInteger: 'ERR timeout is not an integer or out of range',
  negativeTimeout: 'ERR timeout is negative',
  dbOutOfRange: 'ERR DB index is out of range',
  crossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  nestedMulti: 'ERR MULTI calls can not be nested',
  watchInMulti: 'ERR WATCH inside MULTI is not allowed',
  execWithoutMulti: 'ERR EXEC without MULTI',
  discardWithoutMulti: 'ERR DISCARD without MULTI',
  execAbort: 'EXECABORT Transaction discarded because of previous errors.',
  tooLarge: 'ERR the command is longer than the router takes',
  noRoom: 'ERR the router has no room for the beginning of the command',
  answerTooLong:
    'ERR the answer is longer than what the router keeps until its turn, or until all shards have answered',
  tooManyNames: 'ERR too many channels and patterns are subscribed to over this connection',
  badName: 'ERR Client names cannot contain spaces, newlines or special characters.',
  noCluster: 'ERR This instance has cluster support disabled',
  notServed: 'CLUSTERDOWN Hash slot not served',
  moved: 'TRYAGAIN the slot of the key is being moved; try again',
} as const;

/** Longer names, and more of the arguments, are cut in messages, as Redis does. */
export const MAX_SHOWN = 128;

export function cut(text: string): string {
  return text.slice(0, MAX_SHOWN);
}

/** @param argument the text of an argument; the first is the name. It is asked for no more of them than are shown */
export function unknownCommand(count: number, argument: (i: number) => string): string {
  let shown = '';
  for (let i = 1; i < count && shown.length < MAX_SHOWN; i++)
    shown += `'${argument(i).slice(0, MAX_SHOWN - shown.length)}' `;
  return `ERR unknown command '${cut(argument(0))}', with args beginning with: ${shown}`;
}

export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

export function unknownSubcommand(container: string, subcommand: string): string {
  return `ERR unknown subcommand '${cut(subcommand)}'. Try ${container.toUpperCase()} HELP.`;
}

export function notInTransaction(name: string): string {
  return `ERR ${name.toUpperCase()} cannot be part of a transaction through Keyway`;
}

/** What a client receives when its command has failed. `shard` and `reason` are for people. */
const FAILURES: Readonly<Record<FailureCause, (shard: string, reason: string) => string>> = {
  not_switched: (shard) => `ERR shard ${shard} did not answer`,
  declined: (shard) => `ERR shard ${shard} did not answer`,
  unreachable: (shard, reason) => `ERR shard ${shard} cannot be reached: ${reason}`,
  lost: (shard, reason) =>
    `ERR the connection to shard ${shard} was lost (${reason}); the command may have been carried out`,
  refused: (shard) => `ERR shard ${shard} refuses the command`,
  gave_up: (shard) => `ERR shard ${shard} did not answer`,
  stalled: (shard) => `ERR shard ${shard} does not take the command`,
  violation: (shard, reason) => `ERR shard ${shard} does not speak RESP: ${reason}`,
  unhealthy: (shard, reason) => `ERR shard ${shard} is unhealthy: ${reason}`,
  overloaded: (shard) => `ERR too many commands wait for shard ${shard}`,
};

/** What the core refuses, in Redis's words: codes that clients know to try again where that may help. */
export function refusalText(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'no_owner':
      return ERRORS.notServed;
    case 'lost_key':
    case 'held_too_long':
    case 'held_too_many':
      return ERRORS.moved;
    case 'no_lease':
      return 'CLUSTERDOWN the router has no lease to serve the cluster; the command may have been carried out';
    case 'failure':
      return FAILURES[refusal.failure](refusal.shard, refusal.reason);
  }
}
