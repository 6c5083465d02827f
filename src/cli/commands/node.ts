import { Command, Option } from 'commander';
import { thisProcess } from '../../app/process-name.ts';
import { HousekeepingMetrics } from '../../housekeeping/index.ts';
import { Participant, type ParticipantOptions, type RegisteredNode, registerNode } from '../../node/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import { type Log, newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { NamedFileFault } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { derivedNodeId } from '../../topology/index.ts';
import { BackendCommand } from '../beside/backend-command.ts';
import { housekeepingOf, prepareHousekeeping } from '../beside/backend-housekeeping.ts';
import { type BackendFlags, healthOf, withBackendOptions, withNodeOptions } from '../beside/backend-options.ts';
import { type ParticipantFlags, participantOf, withParticipantOptions } from '../beside/participant-options.ts';
import { reachableTextOption } from '../options/options.ts';
import { chosenRegistry, withRegistryOption } from '../options/registry-option.ts';
import { serveMetrics } from '../output/housekeeping-output.ts';
import { continueUnread } from '../output/terminal.ts';

interface NodeFlags extends BackendFlags, ParticipantFlags {
  readonly address: string;
  readonly role: 'primary' | 'replica';
}

const UNREADABLE = 'an entry of the registry cannot be read; continuing without it';

const EXAMPLE =
  '\nExample:\n  keyway node register --cluster docs --shard s0 --address 10.0.0.1:9101 -- ./server --port 9101';

/** `keyway node`: for backends that do not register by themselves. */
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
  withRegistryOption(withBackendOptions(withParticipantOptions(register))).action((args: string[], flags: NodeFlags) =>
    registerBackend(args, flags),
  );
  return command;
}

async function registerBackend(args: readonly string[], flags: NodeFlags): Promise<void> {
  // What is asked for in a wrong way is refused before the command is started.
  const settings = housekeepingOf(flags);
  const registry = chosenRegistry(flags);
  const takesPart = participantOf(flags, flags.address);
  if (takesPart !== null && flags.role === 'replica') throw new UsageError('--participant: a replica owns no keys');
  const metrics = new HousekeepingMetrics();
  const metricsServer = await serveMetrics(flags.metrics, settings === null ? null : metrics);
  continueUnread();
  const log = newLog('info').child({ cluster: flags.cluster, shard: flags.shard, address: flags.address });
  const participant = takesPart === null ? null : await participating(flags, takesPart, log);
  const backend = new BackendCommand(args);
  const node = participant ?? registered(flags, backend.pid, log);
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

/** A node that refuses nothing. */
function registered(flags: NodeFlags, pid: number | undefined, log: Log): RegisteredNode {
  return registerNode(
    {
      ...flags,
      registry: chosenRegistry(flags),
      health: healthOf(flags),
      process: { ...thisProcess(), ...(pid !== undefined && { pid }) },
      onHealth: (fault) => logHealth(log, fault),
      onRegistry: (reason) => {
        if (reason === null) log.info('the registry can be reached again');
        else log.error({ reason }, 'the node is not registered; trying again');
      },
    },
    machine,
  );
}

function logHealth(log: Log, fault: string | null): void {
  if (fault === null) log.info('the node is healthy');
  else log.warn({ fault }, 'the node is unhealthy');
}

/** A node that takes part in handoffs by itself. */
async function participating(
  flags: NodeFlags,
  { ask, backend }: Pick<ParticipantOptions, 'ask' | 'backend'>,
  log: Log,
): Promise<Pick<RegisteredNode, 'ready' | 'leave'>> {
  const { namespace, cluster, shard, address, lease: leaseMs } = flags;
  const registry = openRegistry(chosenRegistry(flags), machine);
  registry.unreadable.onFound = ({ key, reason }) => log.warn({ key, reason }, UNREADABLE);
  registry.onDenied((reason) => log.error({ reason }, 'the registry refuses this node'));
  const participant = new Participant({
    registry,
    name: { namespace, cluster },
    shard,
    nodeId: flags.nodeId ?? derivedNodeId(cluster, shard),
    address,
    leaseMs,
    process: thisProcess(),
    backend,
    ask,
    health: healthOf(flags),
    onHealth: (fault) => logHealth(log, fault),
    onFault: (fault) => {
      if (fault === null) log.info('the backend takes part in handoffs');
      else log.error({ fault }, 'the backend does not take part in handoffs; trying again');
    },
    ...machine,
  });
  try {
    await participant.start();
  } catch (cause) {
    if (cause instanceof NamedFileFault) throw cause;
    throw new UsageError(listenFault(cause, '--ask'), { cause });
  }
  return participant;
}
