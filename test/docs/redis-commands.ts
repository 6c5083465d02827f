/** Writes docs/redis-commands.md, of the router's own table: `npm run redis-commands`. */
import { becomesOf, type CommandInfo, commands, type Rule } from '../../src/proxy/redis/commands/index.ts';

/** Errors are shown as they are. */
const cellOf = (rule: Rule): string => becomesOf(rule).replace(/^refused: (.+)$/, 'refused: `$1`');

export function redisCommands(): string {
  const row = ({ name, rule, servers }: CommandInfo): string =>
    `| \`${name.toUpperCase().replace('|', ' ')}\` | ${cellOf(rule)} | ${servers.join(', ')} |`;
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
