import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Command, Option } from 'commander';
import { processName, thisProcess } from '../../app/process-name.ts';
import { HousekeepingMetrics } from '../../housekeeping/index.ts';
import {
  callHousekeeping,
  type NodeHousekeepingSettings,
  nodeHousekeepingSchema,
  registerNode,
} from '../../node/index.ts';
import type { ActiveHealthDescription } from '../../proxy/index.ts';
import { DEFAULT_NAMESPACE, type Registry } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import type { HostPort } from '../../runtime/address.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { type Log, newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { EXIT_FAILURE } from '../../runtime/usage-error.ts';
import { parseYaml, readDocument } from '../../yaml/index.ts';
import {
  addressOption,
  durationOption,
  nameOption,
  nodeIdOption,
  optionWithDefault,
  reachableTextOption,
} from '../options/options.ts';
import { chosenRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { loggedListener, serveMetrics } from '../output/housekeeping-output.ts';
import { goOnUnread, writeFault } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const LONGEST_MS = 3_600_000;

interface NodeFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster: string;
  readonly shard: string;
  readonly address: string;
  readonly nodeId?: string;
  readonly role: 'primary' | 'replica';
  readonly lease: number;
  readonly check: number;
  readonly health: 'tcp' | 'grpc' | 'http' | 'none';
  readonly path: string;
  readonly service: string;
  readonly housekeeping?: string;
  readonly metrics?: HostPort;
}

/** `keyway node`: for backends that know nothing of Keyway. */
export function nodeCommand(): Command {
  const command = new Command('node')
    .description('register backends that know nothing about Keyway')
    .addHelpText(
      'after',
      '\nExample:\n  keyway node register --cluster docs --shard s0 --address 10.0.0.1:9101 -- ./server --port 9101',
    );
  withRegistryOption(
    command
      .command('register')
      .description('keep a node in the registry for as long as it is healthy, or its command runs')
      .addHelpText(
        'after',
        '\nExample:\n  keyway node register --cluster docs --shard s0 --address 10.0.0.1:9101 -- ./server --port 9101',
      )
      .argument(
        '[command...]',
        'a command that is started first and stopped last; its exit code becomes that of keyway',
      )
      .requiredOption('--cluster <name>', 'the cluster', nameOption)
      .requiredOption('--shard <id>', 'the shard that the node belongs to', nameOption)
      .requiredOption('--address <address>', 'where the node listens, host:port', reachableTextOption)
      .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
      .option('--node-id <id>', '40 letters and digits; derived from cluster and shard by default', nodeIdOption)
      .addOption(
        new Option('--role <role>', 'its role in the shard').choices(['primary', 'replica']).default('primary'),
      )
      .addOption(
        optionWithDefault(
          '--lease <time>',
          'how long it counts as alive without renewing its lease',
          durationOption({ least: 100, most: LONGEST_MS }),
          '10s',
        ),
      )
      .addOption(
        new Option('--health <kind>', 'how its health is checked')
          .choices(['tcp', 'grpc', 'http', 'none'])
          .default('tcp'),
      )
      .option('--path <path>', 'with --health http', '/healthz')
      .option('--service <name>', 'with --health grpc', '')
      .addOption(
        optionWithDefault(
          '--check <time>',
          'how often its health is checked',
          durationOption({ least: 10, most: LONGEST_MS }),
          '2s',
        ),
      )
      .option('--housekeeping <file>', 'a YAML file of tasks to call on the backend when they are due')
      .option(
        '--metrics <address>',
        'where to serve metrics of the process and its housekeeping, host:port',
        addressOption,
      ),
  ).action((args: string[], flags: NodeFlags) => register(args, flags));
  return command;
}

async function register([program, ...args]: string[], flags: NodeFlags): Promise<void> {
  // What is asked for in a wrong way is refused before the command is started.
  const settings = settingsOf(flags);
  const registry = chosenRegistry(flags);
  const metrics = new HousekeepingMetrics();
  const metricsServer = await serveMetrics(flags.metrics, settings === null ? null : metrics);
  goOnUnread();
  const log = newLog('info').child({ cluster: flags.cluster, shard: flags.shard, address: flags.address });
  const child = program === undefined ? null : spawn(program, args, { stdio: 'inherit' });
  const ended = child === null ? null : exitOf(child);
  const node = registerNode(
    {
      ...flags,
      registry,
      health: healthOf(flags),
      process: { ...thisProcess(), ...(child?.pid !== undefined && { pid: child.pid }) },
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
  const leave = async (): Promise<void> => {
    // What is under way stops where it can while the backend is still there.
    await housekeeping?.stop();
    await node.leave();
    metricsServer?.close();
    log.info('the node has left');
  };
  stopOnSignals(async () => {
    await leave();
    child?.kill('SIGTERM');
    await ended;
  });
  if (ended === null) {
    // Until the node is well for the first time nothing else keeps the process.
    setInterval(() => {}, LONGEST_MS);
    return;
  }
  const code = await ended;
  await leave();
  process.exit(code);
}

function settingsOf({ housekeeping: file }: NodeFlags): NodeHousekeepingSettings | null {
  return file === undefined ? null : parseYaml(readDocument(file), file, nodeHousekeepingSchema, (value) => value);
}

/** Has the backend's tasks called, from when it begins on. */
function prepareHousekeeping(
  settings: NodeHousekeepingSettings,
  { namespace, cluster, shard }: NodeFlags,
  registry: Registry,
  metrics: HousekeepingMetrics,
  log: Log,
): { begin(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  const surroundings = {
    registry,
    name: { namespace, cluster },
    shard,
    node: `${shard}@${processName()}`,
    ...machine,
    listener: loggedListener(metrics, log),
  };
  let running: Promise<void> = Promise.resolve();
  return {
    begin: () => {
      if (!stopping.signal.aborted) running = callHousekeeping(settings, surroundings, stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await running;
      await registry.close();
    },
  };
}

/** The exit code; of a signal as a shell has it. */
async function exitOf(child: ChildProcess): Promise<number> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + constants.signals[signal as NodeJS.Signals];
  } catch (error) {
    writeFault(plainText(error));
    return EXIT_FAILURE;
  }
}

function healthOf({ health, path, service, check: checkMs }: NodeFlags): ActiveHealthDescription | undefined {
  if (health === 'none') return undefined;
  const check = health === 'tcp' ? { tcp: {} } : health === 'grpc' ? { grpc: { service } } : { http: { path } };
  return { check, intervalMs: checkMs, timeoutMs: Math.min(checkMs, 1000), unhealthyAfter: 3, healthyAfter: 1 };
}
