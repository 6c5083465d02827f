import type { EverywhereMerge, Rule } from './rule.ts';

/** Which answer of many is the one. */
const MERGES: Readonly<Record<EverywhereMerge, string>> = {
  first: 'the first answer',
  sum: 'the sum of the answers',
  least: 'the smallest answer',
  most: 'the largest answer',
  concat: 'all answers, one behind the other',
  union: 'all answers, each name once',
  'least-of-each': 'the smallest of each place, that is, yes where all say so',
  'sum-of-each': 'the sum for each name',
  any: 'the first answer that is not null',
  'one-succeeds': 'the first success',
};

/** What becomes of a command, in words. */
export function becomesOf(rule: Rule): string {
  switch (rule.way) {
    case 'keys':
      return 'sent to the shard of its keys';
    case 'script':
      return 'sent to the shard of its keys, or to any if it has none';
    case 'any':
      return 'sent to any shard';
    case 'split':
      return 'divided among the shards of its keys';
    case 'everywhere':
      return `sent to all shards: ${MERGES[rule.merge]}`;
    case 'scan':
      return 'sent to one shard after the other';
    case 'local':
      return 'answered by the router';
    case 'transaction':
    case 'blocking':
      return "sent on a connection of the client's own";
    case 'wait':
      return 'asked of the shards that its client has written to: the smallest answer';
    case 'subscribe':
      return "subscribed on a connection of the client's own";
    case 'channel':
      return "sent to the shard that owns the channel's name";
    case 'container':
      return 'refused without a subcommand that is listed here';
    case 'refused':
      return `refused: ${rule.error}`;
  }
}
