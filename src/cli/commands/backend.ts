import { dirname } from 'node:path';
import { Command } from 'commander';
import { DataFile, makeDataFolder } from '../../app/data-file.ts';
import { processName, thisProcess } from '../../app/process-name.ts';
import { HousekeepingMetrics } from '../../housekeeping/index.ts';
import { DEFAULT_NAMESPACE } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import { newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { EXIT_OK, UsageError } from '../../runtime/usage-error.ts';
import { listenForShard, ShardServer, type ShardServerOptions, shardHousekeepingSchema } from '../../shard/index.ts';
import { derivedNodeId } from '../../topology/index.ts';
import { parseYaml, readDocument } from '../../yaml/index.ts';
import { addressOption, durationOption, nameOption, nodeIdOption, optionWithDefault } from '../options/options.ts';
import { chosenRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { loggedListener, serveMetrics } from '../output/housekeeping-output.ts';
import { logRegistry } from '../output/registry-log.ts';
import { continueUnread, writeFault, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const DEFAULT_DATA = '.keyway/documents.sqlite';
/** How long calls in flight may go on after SIGTERM; watches are ended then. */
const STOP_GRACE_MS = 2000;
const LONGEST_LEASE_MS = 3_600_000;

interface BackendFlags extends RegistryFlag {
  readonly id: string;
  readonly listen: HostPort;
  readonly data: string;
  readonly cluster?: string;
  readonly namespace: string;
  readonly nodeId?: string;
  readonly lease: number;
  readonly operationLog?: string;
  readonly housekeeping: string | boolean;
  readonly metrics?: HostPort;
}

export function backendCommand(): Command {
  return withRegistryOption(
    new Command('backend')
      .description('run a reference shard: documents with watch, over gRPC')
      .requiredOption('--id <id>', 'the id of the shard', nameOption)
      .requiredOption('--listen <address>', 'where it listens, host:port', addressOption)
      .option('--data <file>', 'the database, which all shards of a machine share', DEFAULT_DATA)
      .option('--cluster <name>', 'join this cluster: serve only the keys that this shard owns there', nameOption)
      .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
      .option('--node-id <id>', '40 letters and digits; derived from cluster and shard by default', nodeIdOption)
      .addOption(
        optionWithDefault(
          '--lease <time>',
          'how long it counts as alive without renewing its lease',
          durationOption({ least: 100, most: LONGEST_LEASE_MS }),
          '10s',
        ),
      )
      .option('--operation-log <file>', 'log every operation, with its start and its end')
      .option('--housekeeping <file>', 'a YAML file with its housekeeping settings')
      .option('--no-housekeeping', 'take no part in the housekeeping of its cluster')
      .option(
        '--metrics <address>',
        'where to serve metrics of the process and its housekeeping, host:port',
        addressOption,
      ),
  )
    .addHelpText(
      'after',
      '\nExample:\n  keyway backend --id s0 --listen 127.0.0.1:9101 --data .keyway/documents.sqlite --cluster docs',
    )
    .action(async (flags: BackendFlags) => {
      const { id, listen, data } = flags;
      continueUnread();
      endWithParent();
      makeDataFolder(dirname(data));
      const metrics = new HousekeepingMetrics();
      const metricsServer = await serveMetrics(flags.metrics, metrics);
      const options = optionsOf(flags, metrics);
      const socket = await listenForShard(listen).catch((cause: unknown) => {
        throw new UsageError(listenFault(cause, '--listen'), { cause });
      });
      const server = new ShardServer(options, socket);
      const kept = new DataFile(data);
      stopOnSignals(async () => {
        metricsServer?.close();
        await server.stop(STOP_GRACE_MS);
        kept.reportIfGone(writeFault);
      });
      await server.start();
      // A parent that started us (`keyway dev`) hears of it.
      if (process.connected) process.send?.({ port: server.address.port });
      writeOut(`shard ${id} listening on ${addressText(server.address)}\n`);
    });
}

/** A parent that started us, and may be gone already, takes us along. */
function endWithParent(): void {
  if (process.send === undefined) return;
  if (!process.connected) process.exit(EXIT_OK);
  process.on('disconnect', () => process.exit(EXIT_OK));
}

function optionsOf(
  { id, data, operationLog, ...flags }: BackendFlags,
  metrics: HousekeepingMetrics,
): ShardServerOptions {
  const { cluster, namespace, lease: leaseMs } = flags;
  const options = {
    id,
    file: data,
    operationLog,
    clock: machine.clock,
    process: thisProcess(),
  };
  if (cluster === undefined) return options;
  const registry = openRegistry(chosenRegistry(flags), machine);
  const log = newLog('warn').child({ shard: id });
  logRegistry(registry, log);
  const nodeId = flags.nodeId ?? derivedNodeId(cluster, id);
  const housekeeping = housekeepingOf(flags, id, metrics);
  return { ...options, registration: { registry, name: { namespace, cluster }, nodeId, leaseMs, housekeeping } };
}

function housekeepingOf(
  { housekeeping }: Pick<BackendFlags, 'housekeeping'>,
  shard: string,
  metrics: HousekeepingMetrics,
) {
  if (housekeeping === false) return null;
  const settings =
    typeof housekeeping === 'string'
      ? parseYaml(readDocument(housekeeping), housekeeping, shardHousekeepingSchema, (value) => value)
      : shardHousekeepingSchema.parse({});
  const log = newLog('warn').child({ shard });
  return {
    settings,
    node: `${shard}@${processName()}`,
    timeOfDayMs: machine.timeOfDayMs,
    random: machine.random,
    listener: loggedListener(metrics, log),
  };
}
