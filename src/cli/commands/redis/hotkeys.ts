import { Command } from 'commander';
import type { HeavyKey, HotKey, HotKeysReport } from '../../../proxy/index.ts';
import { type AdminFlags, askRouter, withAdminOptions } from '../../options/admin-option.ts';
import { integerOption } from '../../options/options.ts';
import { listing } from '../../output/table.ts';
import { writeOut, writeTables } from '../../output/terminal.ts';

interface HotKeysFlags extends AdminFlags {
  readonly for: number;
  readonly limit: number;
  readonly json?: true;
}

/** `keyway redis hotkeys`: the keys that most commands, and most bytes, are for. */
export function hotKeysCommand(): Command {
  return withAdminOptions(
    new Command('hotkeys').description('count for some seconds which keys most commands, and most bytes, are for'),
  )
    .option('--for <seconds>', 'how long to count, up to 30', integerOption(1, 30), 5)
    .option('--limit <number>', 'how many keys to show', integerOption(1, 200), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  keyway redis hotkeys --for 10 --limit 5')
    .action(async (flags: HotKeysFlags) => {
      const report = (await askRouter(flags, `/redis/hotkeys?seconds=${flags.for}`)) as HotKeysReport;
      const hot = report.hot.slice(0, flags.limit);
      const heavy = report.heavy.slice(0, flags.limit);
      if (flags.json === true) writeOut(`${JSON.stringify({ ...report, hot, heavy })}\n`);
      else if (hot.length === 0) writeOut(`no command with a key has come within ${flags.for} s\n`);
      else {
        writeOut(`${report.commands} keys of commands, ${report.bytes} bytes, within ${flags.for} s\n\n`);
        writeTables(listing(hot, hotColumns(report.commands), false), false);
        writeOut('\n');
        writeTables(listing(heavy, heavyColumns(report.bytes), false), false);
      }
    });
}

function percent(part: number, all: number): string {
  return `${((100 * part) / Math.max(1, all)).toFixed(1)} %`;
}

/** A count that may be too high says by how much. */
function counted(count: number, error: number): string {
  return error === 0 ? String(count) : `${count - error}-${count}`;
}

const hotColumns = (all: number) => ({
  key: ({ key }: HotKey) => key,
  commands: ({ commands, commandsError }: HotKey) => counted(commands, commandsError),
  share: ({ commands }: HotKey) => percent(commands, all),
  cluster: ({ cluster }: HotKey) => cluster,
});

const heavyColumns = (all: number) => ({
  key: ({ key }: HeavyKey) => key,
  bytes: ({ bytes, bytesError }: HeavyKey) => counted(bytes, bytesError),
  share: ({ bytes }: HeavyKey) => percent(bytes, all),
  cluster: ({ cluster }: HeavyKey) => cluster,
});
