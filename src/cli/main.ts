import { Command, CommanderError } from 'commander';
import { StoreSetUpError } from '../registry/index.ts';
import { DocumentError } from '../yaml/index.ts';
import { writeErr, writeOut } from './terminal.ts';
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from './usage-error.ts';

/** Every command, in the order of the help. Its modules are loaded only when it is called: loading all takes longer than most commands run. */
const COMMANDS = {
  dev: async () => (await import('./dev.ts')).devCommand(),
  router: async () => (await import('./router.ts')).routerCommand(),
  registry: async () => (await import('./registry.ts')).registryCommand(),
  ns: async () => (await import('./ns.ts')).nsCommand(),
  cluster: async () => (await import('./cluster.ts')).clusterCommand(),
  shard: async () => (await import('./shard.ts')).shardCommand(),
  topology: async () => (await import('./topology.ts')).topologyCommand(),
  node: async () => (await import('./node.ts')).nodeCommand(),
  discover: async () => (await import('./discover.ts')).discoverCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  housekeeping: async () => (await import('./housekeeping.ts')).housekeepingCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
  backend: async () => (await import('./backend.ts')).backendCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  kv: async () => (await import('./kv.ts')).kvCommand(),
  load: async () => (await import('./load.ts')).loadCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  schema: async () => (await import('./schema.ts')).schemaCommand(),
};

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
for (const load of wantedCommands(process.argv[2])) {
  const command = await load();
  program.addCommand(command);
  inheritExit(command);
}

/** The command that is called; all of them where help, or a suggestion for a wrong name, has to list them. */
function wantedCommands(name = '--help'): ReadonlyArray<() => Promise<Command>> {
  return Object.hasOwn(COMMANDS, name) ? [COMMANDS[name as keyof typeof COMMANDS]] : Object.values(COMMANDS);
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
