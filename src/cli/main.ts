import { Command, CommanderError } from 'commander';
import { StoreSetUpError } from '../registry/index.ts';
import { DocumentError } from '../yaml/index.ts';
import { backendCommand } from './backend.ts';
import { clusterCommand } from './cluster.ts';
import { devCommand } from './dev.ts';
import { discoverCommand } from './discover.ts';
import { explainCommand } from './explain.ts';
import { housekeepingCommand } from './housekeeping.ts';
import { importCommand } from './import.ts';
import { kvCommand } from './kv.ts';
import { loadCommand } from './load.ts';
import { nodeCommand } from './node.ts';
import { nsCommand } from './ns.ts';
import { planCommand } from './plan.ts';
import { registryCommand } from './registry.ts';
import { routerCommand } from './router.ts';
import { schemaCommand } from './schema.ts';
import { shardCommand } from './shard.ts';
import { statusCommand } from './status.ts';
import { writeErr, writeOut } from './terminal.ts';
import { topologyCommand } from './topology.ts';
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from './usage-error.ts';
import { watchCommand } from './watch.ts';

/** The `keyway` command. Only this folder reads arguments, the environment and the real clock. */
const program = new Command('keyway')
  .description('routes each request to the shard that owns its key')
  .version('0.1.0')
  .exitOverride()
  .addHelpText(
    'after',
    '\nExample:\n  keyway dev\n  keyway kv put demo/hello "good day"\n  keyway kv watch demo/hello',
  );
inheritExit(program);
for (const command of [
  devCommand(),
  routerCommand(),
  registryCommand(),
  nsCommand(),
  clusterCommand(),
  shardCommand(),
  topologyCommand(),
  nodeCommand(),
  discoverCommand(),
  statusCommand(),
  housekeepingCommand(),
  watchCommand(),
  backendCommand(),
  explainCommand(),
  planCommand(),
  kvCommand(),
  loadCommand(),
  importCommand(),
  schemaCommand(),
]) {
  program.addCommand(command);
  inheritExit(command);
}

/** Subcommands report wrong usage by an exception too, so that one place decides on the exit code; and in one line. */
function inheritExit(command: Command): void {
  command.exitOverride();
  const outputError = (text: string): void => writeErr(`${text.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`);
  command.configureOutput({ writeOut, writeErr, outputError });
  for (const each of command.commands) inheritExit(each);
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Tells what went wrong, in a line; answers the exit code. */
function report(error: unknown): number {
  // Commander has written its own line already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  if (error instanceof DocumentError) {
    writeErr(`${error.message}\n`);
    return EXIT_USAGE;
  }
  writeErr(`keyway: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof UsageError || error instanceof StoreSetUpError ? EXIT_USAGE : EXIT_FAILURE;
}
