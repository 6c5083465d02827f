/** Writes docs/redis-commands.md, of the router's own table: `npm run redis-commands`. */
import { type CommandInfo, commands, type EverywhereMerge, type Rule } from '../../src/proxy/redis/commands/index.ts';

/** What a page says of each way. */
const MERGES: Readonly<Record<EverywhereMerge, string>> = {
  first: 'the first answer',
  sum: 'the sum of the answers',
  least: 'the smallest answer',
  concat: 'all answers, one behind the other',
  union: 'all answers, each name once',
  'least-of-each': 'the smallest of each place, that is, yes where all say so',
  'sum-of-each': 'the sum for each name',
  any: 'the first answer that is not null',
  'one-succeeds': 'the first success',
};

function wayOf(rule: Rule): string {
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
    case 'subscribe':
      return "subscribed on a connection of the client's own";
    case 'channel':
      return "sent to the shard that owns the channel's name";
    case 'container':
      return 'refused without a subcommand that is listed here';
    case 'refused':
      return `refused: \`${rule.error}\``;
  }
}

export function redisCommands(): string {
  const row = ({ name, rule, servers }: CommandInfo): string =>
    `| \`${name.toUpperCase().replace('|', ' ')}\` | ${wayOf(rule)} | ${servers.join(', ')} |`;
  return [
    '# Redis commands',
    '',
    'Made of the table that the router itself uses, by `npm run redis-commands`.',
    '',
    'What the router does with each command. The keys of a command are found as the servers themselves find them (COMMAND).',
    'A command whose keys are in several slots is refused with CROSSSLOT, except for those that are divided; these fail as a whole if a',
    'shard answers with an error. A command that is not listed here is refused as an unknown one.',
    '',
    '| command | what becomes of it | servers that have it |',
    '| --- | --- | --- |',
    ...commands.map(row),
    '',
  ].join('\n');
}

if (import.meta.main) process.stdout.write(redisCommands());
