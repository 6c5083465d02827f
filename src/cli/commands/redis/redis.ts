import { Command } from 'commander';
import { hotKeysCommand } from './hotkeys.ts';
import { slowLogCommand } from './slowlog.ts';

/** `keyway redis`: Redis clusters and the routers before them, each command in a file of its own. */
export function redisCommand(): Command {
  return new Command('redis')
    .description('show what Redis clients do through a router')
    .addHelpText('after', '\nExample:\n  keyway redis slowlog\n  keyway redis hotkeys --for 10')
    .addCommand(slowLogCommand())
    .addCommand(hotKeysCommand());
}
