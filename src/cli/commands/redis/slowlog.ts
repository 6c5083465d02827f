import { Command } from 'commander';
import type { SlowCommand, SlowLogReport } from '../../../proxy/index.ts';
import { type AdminFlags, askRouter, withAdminOptions } from '../../options/admin-option.ts';
import { listing } from '../../output/table.ts';
import { writeTables } from '../../output/terminal.ts';

interface SlowLogFlags extends AdminFlags {
  readonly json?: true;
}

/** `keyway redis slowlog`: the commands that took long through a router. */
export function slowLogCommand(): Command {
  return withAdminOptions(
    new Command('slowlog').description('show the commands that took longest through a router, the latest first'),
  )
    .option('--json', 'print one JSON object per line')
    .addHelpText('after', '\nExample:\n  keyway redis slowlog --admin 127.0.0.1:9902')
    .action(async (flags: SlowLogFlags) => {
      const { entries } = (await askRouter(flags, '/redis/slowlog')) as SlowLogReport;
      const nothing = 'no command has taken long: what counts as long is slowAfter of the listener, by default 10ms';
      writeTables(listing(entries, COLUMNS, flags.json === true, nothing), flags.json === true);
    });
}

const COLUMNS = {
  at: ({ at }: SlowCommand) => at,
  ms: ({ tookMs }: SlowCommand) => tookMs.toFixed(1),
  command: ({ command }: SlowCommand) => command,
  key: ({ key }: SlowCommand) => key ?? '-',
  bytes: ({ bytes }: SlowCommand) => bytes,
  shard: ({ cluster, shard }: SlowCommand) => `${cluster}/${shard}`,
  client: ({ client }: SlowCommand) => client,
};
