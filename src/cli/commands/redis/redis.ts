import { Command } from 'commander';
import { failoverCommand } from './failover.ts';
import { hotKeysCommand } from './hotkeys.ts';
import { migrateCommand } from './migrate.ts';
import { migrationsCommand } from './migrations.ts';
import { rebalanceCommand } from './rebalance.ts';
import { scaleCommand } from './scale.ts';
import { shellCommand } from './shell.ts';
import { slowLogCommand } from './slowlog.ts';

/** `keyway redis`: Redis clusters and the routers before them, each command in a file of its own. */
export function redisCommand(): Command {
  return new Command('redis')
    .description('grow, shrink and rebalance Redis clusters, and show what their clients do through a router')
    .addHelpText(
      'after',
      '\nExample:\n  keyway redis scale cache --shards 4 --nodes 10.0.0.4:7000\n  keyway redis migrations cache\n  keyway redis slowlog\n  keyway redis hotkeys --for 10',
    )
    .addCommand(scaleCommand())
    .addCommand(rebalanceCommand())
    .addCommand(migrateCommand())
    .addCommand(migrationsCommand())
    .addCommand(failoverCommand())
    .addCommand(shellCommand())
    .addCommand(slowLogCommand())
    .addCommand(hotKeysCommand());
}
