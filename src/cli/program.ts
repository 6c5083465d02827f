import { Command, Option } from 'commander';
import { VERSION } from '../runtime/version.ts';
import { commandLineFault, nameWhatIsRefused } from './command-line-fault.ts';
import { showHelpWell } from './output/help.ts';

/** Every command, in the order of the help. Its modules are loaded only when it is called: loading all takes longer than most commands run. */
const COMMANDS = {
  dev: async () => (await import('./commands/dev.ts')).devCommand(),
  router: async () => (await import('./commands/router.ts')).routerCommand(),
  reload: async () => (await import('./commands/reload.ts')).reloadCommand(),
  registry: async () => (await import('./commands/registry.ts')).registryCommand(),
  ns: async () => (await import('./commands/ns.ts')).nsCommand(),
  cluster: async () => (await import('./commands/cluster.ts')).clusterCommand(),
  shard: async () => (await import('./commands/shard.ts')).shardCommand(),
  topology: async () => (await import('./commands/topology.ts')).topologyCommand(),
  node: async () => (await import('./commands/node.ts')).nodeCommand(),
  sidecar: async () => (await import('./commands/sidecar.ts')).sidecarCommand(),
  clusterx: async () => (await import('./commands/clusterx.ts')).clusterxCommand(),
  discover: async () => (await import('./commands/discover.ts')).discoverCommand(),
  controller: async () => (await import('./commands/controller.ts')).controllerCommand(),
  redis: async () => (await import('./commands/redis/redis.ts')).redisCommand(),
  status: async () => (await import('./commands/status.ts')).statusCommand(),
  housekeeping: async () => (await import('./commands/housekeeping.ts')).housekeepingCommand(),
  watch: async () => (await import('./commands/watch.ts')).watchCommand(),
  backend: async () => (await import('./commands/backend.ts')).backendCommand(),
  explain: async () => (await import('./commands/explain.ts')).explainCommand(),
  plan: async () => (await import('./commands/plan.ts')).planCommand(),
  validate: async () => (await import('./commands/validate.ts')).validateCommand(),
  config: async () => (await import('./commands/config.ts')).configCommand(),
  kv: async () => (await import('./commands/kv.ts')).kvCommand(),
  load: async () => (await import('./commands/load/load.ts')).loadCommand(),
  import: async () => (await import('./commands/import.ts')).importCommand(),
  schema: async () => (await import('./commands/schema.ts')).schemaCommand(),
  completion: async () => (await import('./commands/completion.ts')).completionCommand(() => keywayProgram()),
  version: async () => (await import('./commands/version.ts')).versionCommand(),
};

/**
 * The `keyway` command. What is wrong with a command line is thrown as a `UsageError`.
 * @param name the command that is called; all of them are there where it is none, as help or a suggestion has to list them
 */
export async function keywayProgram(name = '--help'): Promise<Command> {
  const program = new Command('keyway')
    .description('routes each request to the shard that owns its key')
    .version(VERSION, '-v, --version', 'print the version of Keyway')
    // What commander calls it by default, and people type.
    .addOption(new Option('-V').hideHelp())
    .addHelpText(
      'after',
      '\nExample:\n  keyway dev\n  keyway kv put demo/hello "good day"\n  keyway kv watch demo/hello',
    );
  // It is an emitter; its types show a part of that.
  program.on('option:V', () => (program as object as NodeJS.EventEmitter).emit('option:version'));
  const wanted = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name as keyof typeof COMMANDS]] : Object.values(COMMANDS);
  for (const load of wanted) program.addCommand(await load());
  conform(program);
  return program;
}

/** What all commands have in common: how they refuse what they do not understand, and how their help looks. */
function conform(command: Command): void {
  command.exitOverride((error) => {
    throw commandLineFault(command, error) ?? error;
  });
  showHelpWell(command);
  nameWhatIsRefused(command);
  for (const each of command.commands) conform(each);
}
