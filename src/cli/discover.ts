import { Command } from 'commander';
import { dnsSource, fileSource, keepTopology, nodeSource, type ShardSource } from '../discovery/index.ts';
import { machineClock } from '../machine-clock.ts';
import { DEFAULT_NAMESPACE, type Registry } from '../registry/index.ts';
import { newLog } from '../router/index.ts';
import { openRegistry } from './open-registry.ts';
import { integerOption } from './options.ts';
import { placementDocument } from './placement-option.ts';
import { processName } from './process-name.ts';
import { chosenRegistry, type RegistryFlag, withRegistryOption } from './registry-option.ts';
import { stopOnSignals } from './signals.ts';
import { UsageError } from './usage-error.ts';

const LONGEST_MS = 86_400_000;

interface DiscoverFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster: string;
  readonly file?: string;
  readonly srv?: string;
  readonly hosts?: string;
  readonly port?: number;
  readonly nodes?: true;
  readonly refreshMs: number;
  readonly goneAfterMs: number;
  readonly dnsServer?: string;
  readonly placement: string;
  readonly hashOn: string;
}

/** `keyway discover`: keeps a topology as a file, the DNS or registered nodes have it. */
export function discoverCommand(): Command {
  return withRegistryOption(
    new Command('discover')
      .description("keep a cluster's shards as a file, the DNS or registered nodes have them")
      .requiredOption('--cluster <name>', 'the cluster')
      .option('--namespace <name>', 'the namespace of the cluster', DEFAULT_NAMESPACE)
      .option('--file <file>', 'YAML or JSON with shards: [{id, address, weight}], read whenever it changes')
      .option('--srv <name>', 'SRV records; the first label of a target is the id of its shard')
      .option('--hosts <name>', 'addresses of a headless service; with --port')
      .option('--port <number>', 'the port of all --hosts', integerOption(1, 65535))
      .option('--nodes', 'what keyway node register has registered')
      .option('--refresh-ms <ms>', 'how often the DNS is asked', integerOption(10, LONGEST_MS), 5000)
      .option('--dns-server <address>', 'in place of the servers of the system')
      .option(
        '--gone-after-ms <ms>',
        'how long a node that is lost may come back',
        integerOption(0, LONGEST_MS),
        30_000,
      )
      .option('--placement <name>', 'of a cluster that is not there yet, as in keyway cluster create', 'ringHash')
      .option('--hash-on <what>', 'of a cluster that is not there yet', 'id'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  keyway discover --cluster docs --srv _grpc._tcp.shards.default.svc.cluster.local',
    )
    .action(discover);
}

async function discover(flags: DiscoverFlags): Promise<void> {
  const { namespace, cluster, hashOn } = flags;
  const log = newLog('info').child({ namespace, cluster });
  const registry = openRegistry(chosenRegistry(flags));
  const source = sourceOf(flags, registry);
  const stopping = new AbortController();
  const keeping = keepTopology(
    registry,
    { namespace, cluster },
    source,
    { placement: placementDocument(flags.placement), hashOn },
    { candidate: processName(), clock: machineClock },
    {
      onCommitted: ({ version, shards }) => log.info({ version, shards: shards.length }, 'a topology is committed'),
      onFault: (message) => log.warn(message),
      onTerm: (leads) => log.info(leads ? 'keeping the topology' : 'somebody else keeps the topology'),
    },
    stopping.signal,
  );
  stopOnSignals(async () => {
    stopping.abort();
    await keeping;
    await registry.close();
  });
  await keeping;
}

function sourceOf(flags: DiscoverFlags, registry: Registry): ShardSource {
  const { file, srv, hosts, port, nodes, refreshMs, dnsServer: server } = flags;
  const given = [file, srv, hosts, nodes].filter((each) => each !== undefined).length;
  if (given !== 1) throw new UsageError('give exactly one of --file, --srv, --hosts and --nodes');
  if (file !== undefined) return fileSource(file);
  if (nodes !== undefined) return nodeSource(registry, flags, flags.goneAfterMs);
  if (srv !== undefined) return dnsSource({ name: srv, port: null, refreshMs, server });
  if (port === undefined) throw new UsageError('--hosts wants --port: addresses have none');
  return dnsSource({ name: hosts as string, port, refreshMs, server });
}
