import { Command, Option } from 'commander';
import { thisProcess } from '../../app/process-name.ts';
import { HousekeepingMetrics } from '../../housekeeping/index.ts';
import { registerNode } from '../../node/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { BackendCommand } from '../beside/backend-command.ts';
import { housekeepingOf, prepareHousekeeping } from '../beside/backend-housekeeping.ts';
import { type BackendFlags, healthOf, withBackendOptions, withNodeOptions } from '../beside/backend-options.ts';
import { reachableTextOption } from '../options/options.ts';
import { chosenRegistry, withRegistryOption } from '../options/registry-option.ts';
import { serveMetrics } from '../output/housekeeping-output.ts';
import { continueUnread } from '../output/terminal.ts';

interface NodeFlags extends BackendFlags {
  readonly address: string;
  readonly role: 'primary' | 'replica';
}

const EXAMPLE =
  '\nExample:\n  keyway node register --cluster docs --shard s0 --address 10.0.0.1:9101 -- ./server --port 9101';

/** `keyway node`: for backends that know nothing of Keyway. */
export function nodeCommand(): Command {
  const command = new Command('node')
    .description('register backends that know nothing about Keyway')
    .addHelpText('after', EXAMPLE);
  const register = command
    .command('register')
    .description('keep a node in the registry for as long as it is healthy, or its command runs')
    .addHelpText('after', EXAMPLE);
  withNodeOptions(register, (each) =>
    each.requiredOption('--address <address>', 'where the node listens, host:port', reachableTextOption),
  ).addOption(new Option('--role <role>', 'its role in the shard').choices(['primary', 'replica']).default('primary'));
  withRegistryOption(withBackendOptions(register)).action((args: string[], flags: NodeFlags) =>
    registerBackend(args, flags),
  );
  return command;
}

async function registerBackend(args: readonly string[], flags: NodeFlags): Promise<void> {
  // What is asked for in a wrong way is refused before the command is started.
  const settings = housekeepingOf(flags);
  const registry = chosenRegistry(flags);
  const metrics = new HousekeepingMetrics();
  const metricsServer = await serveMetrics(flags.metrics, settings === null ? null : metrics);
  continueUnread();
  const log = newLog('info').child({ cluster: flags.cluster, shard: flags.shard, address: flags.address });
  const backend = new BackendCommand(args);
  const { pid } = backend;
  const node = registerNode(
    {
      ...flags,
      registry,
      health: healthOf(flags),
      process: { ...thisProcess(), ...(pid !== undefined && { pid }) },
      onHealth: (fault) => {
        if (fault === null) log.info('the node is healthy');
        else log.warn({ fault }, 'the node is unhealthy');
      },
      onRegistry: (reason) => {
        if (reason === null) log.info('the registry can be reached again');
        else log.error({ reason }, 'the node is not registered; trying again');
      },
    },
    machine,
  );
  const housekeeping =
    settings === null ? null : prepareHousekeeping(settings, flags, openRegistry(registry, machine), metrics, log);
  node.ready.then(() => {
    log.info('the node is registered');
    housekeeping?.begin();
  });
  await backend.runUntilOver(async () => {
    // What is under way stops where it can while the backend is still there.
    await housekeeping?.stop();
    await node.leave();
    metricsServer?.close();
    log.info('the node has left');
  });
}
