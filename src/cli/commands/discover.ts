import { Command } from 'commander';
import { processName } from '../../app/process-name.ts';
import {
  type Discovered,
  discovered,
  dnsSource,
  fileSource,
  keepTopology,
  type NewCluster,
  nodeSource,
  redisSource,
  type ShardSource,
} from '../../discovery/index.ts';
import { DEFAULT_NAMESPACE, type Registry } from '../../registry/index.ts';
import { openRegistry } from '../../registry/store/index.ts';
import { newLog } from '../../runtime/log.ts';
import { machine } from '../../runtime/machine-clock.ts';
import { secretIn } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { Cluster, diff, type Topology, type TopologyName, topologyText } from '../../topology/index.ts';
import {
  addressesOption,
  dnsServerOption,
  durationOption,
  integerOption,
  nameOption,
  optionWithDefault,
} from '../options/options.ts';
import { placementDocument } from '../options/placement-option.ts';
import { chosenRegistry, inRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { folded } from '../output/folded.ts';
import { logRegistry } from '../output/registry-log.ts';
import { continueUnread, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const LONGEST_MS = 86_400_000;

/** The servers have changed hands already when it is seen: to hold keys back then would help nobody. */
const FRESH_REDIS: NewCluster = { placement: { slots: {} }, hashOn: 'id', consistency: 'eventual' };

interface DiscoverFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster: string;
  readonly file?: string;
  readonly srv?: string;
  readonly hosts?: string;
  readonly port?: number;
  readonly nodes?: true;
  readonly redis?: readonly string[];
  readonly passwordFile?: string;
  readonly refresh: number;
  readonly goneAfter: number;
  readonly dnsServer?: string;
  readonly placement: string;
  readonly hashOn: string;
  readonly takeOver?: true;
  readonly dryRun?: true;
}

/** `keyway discover`: keeps a topology as a file, the DNS, registered nodes or a Redis cluster have it. */
export function discoverCommand(): Command {
  return withRegistryOption(
    new Command('discover')
      .description("keep a cluster's shards in step with a file, the DNS, registered nodes or a Redis cluster")
      .requiredOption('--cluster <name>', 'the cluster', nameOption)
      .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
      .option('--file <file>', 'YAML or JSON with shards: [{id, address, weight}], read whenever it changes')
      .option('--srv <name>', 'SRV records; the first label of a target is the id of its shard')
      .option('--hosts <name>', 'addresses of a headless service; with --port')
      .option('--port <number>', 'the port of all --hosts', integerOption(1, 65535))
      .option('--nodes', 'the nodes that keyway node register has registered')
      .option(
        '--redis <addresses>',
        'nodes of a Redis, Valkey or Kvrocks cluster, with commas: slots and replicas',
        addressesOption,
      )
      .option('--password-file <file>', 'a file with the password for --redis')
      .addOption(
        optionWithDefault(
          '--refresh <time>',
          'how often the DNS, or a Redis cluster, is asked',
          durationOption({ least: 10, most: LONGEST_MS }),
          '5s',
        ),
      )
      .option('--dns-server <address>', 'a DNS server to ask instead of those of the system', dnsServerOption)
      .addOption(
        optionWithDefault(
          '--gone-after <time>',
          'how long a lost node has to come back before its shard is taken out',
          durationOption({ least: 0, most: LONGEST_MS }),
          '30s',
        ),
      )
      .option('--take-over', 'also replace shards that were added by hand')
      .option('--dry-run', 'show what it would change now, and change nothing')
      .option('--placement <name>', 'of a cluster that does not exist yet, as in keyway cluster create', 'ringHash')
      .option('--hash-on <what>', 'of a cluster that does not exist yet', 'id'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  keyway discover --cluster docs --srv _grpc._tcp.shards.default.svc.cluster.local',
    )
    .action(discover);
}

async function discover(flags: DiscoverFlags): Promise<void> {
  const { namespace, cluster, hashOn } = flags;
  const fresh = flags.redis === undefined ? { placement: placementDocument(flags.placement), hashOn } : FRESH_REDIS;
  if (flags.dryRun === true)
    return inRegistry(flags, (registry) => dryRun(registry, { namespace, cluster }, sourceOf(flags, registry), fresh));
  continueUnread();
  const log = newLog('info').child({ namespace, cluster });
  const registry = openRegistry(chosenRegistry(flags), machine);
  logRegistry(registry, log);
  const source = sourceOf(flags, registry);
  const stopping = new AbortController();
  const keeping = keepTopology(
    registry,
    { namespace, cluster },
    source,
    fresh,
    { candidate: processName(), clock: machine.clock, takesOver: flags.takeOver === true },
    {
      onCommitted: ({ version, shards }) => log.info({ version, shards: shards.length }, 'a topology is committed'),
      onFault: folded((message, times) => log.warn(times === 1 ? {} : { times }, message)),
      onTerm: (leads) => log.info(leads ? 'keeping the topology' : 'another process keeps the topology'),
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

/** Says what would become of a cluster, by a single look. */
async function dryRun(registry: Registry, name: TopologyName, source: ShardSource, fresh: NewCluster): Promise<void> {
  const stopping = new AbortController();
  const faults: string[] = [];
  const onFault = (message: string): void => {
    faults.push(message);
    stopping.abort();
  };
  for await (const found of source(stopping.signal, onFault)) {
    if (found.length === 0) onFault('no shard was found; the topology stays as it is');
    else writeOut(changesText(name, await discovered(registry, name, found, fresh)));
    break;
  }
  // What it watches would keep the process.
  stopping.abort();
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

function changesText(name: TopologyName, { current, draft, byHand }: Discovered): string {
  if (draft === null) return `nothing would change in ${topologyText(name)}\n`;
  const [had, will] = [shardsOf(current), shardsOf(draft)];
  const lines = [...new Set([...had.keys(), ...will.keys()])].flatMap((id) => {
    const [before, after] = [had.get(id), will.get(id)];
    if (before === after) return [];
    const note = byHand.includes(id) ? ' (added by hand: replaced only with --take-over)' : '';
    if (before === undefined) return [`add     ${id} ${after}`];
    return [after === undefined ? `remove  ${id} ${before}${note}` : `change  ${id} ${before} -> ${after}${note}`];
  });
  const moved = current === null ? 1 : diff(new Cluster(current), new Cluster(draft)).moved;
  return [...lines, `${(100 * moved).toFixed(1)}% of the keys would move`, ''].join('\n');
}

function shardsOf(topology: Pick<Topology, 'shards'> | null): Map<string, string> {
  return new Map(topology?.shards.map(({ id, address, weight }) => [id, `${address}, weight ${weight}`]));
}

function sourceOf(flags: DiscoverFlags, registry: Registry): ShardSource {
  const { file, srv, hosts, port, nodes, redis, refresh: refreshMs, dnsServer: server } = flags;
  const given = [file, srv, hosts, nodes, redis].filter((each) => each !== undefined).length;
  if (given !== 1) throw new UsageError('give exactly one of --file, --srv, --hosts, --nodes and --redis');
  if (file !== undefined) return fileSource(file);
  if (redis !== undefined) return redisSourceOf(flags, redis, registry);
  if (nodes !== undefined) return nodeSource(registry, flags, flags.goneAfter);
  if (srv !== undefined) return dnsSource({ name: srv, port: null, refreshMs, server, random: Math.random });
  if (port === undefined) throw new UsageError('--hosts needs --port, because addresses have none');
  return dnsSource({ name: hosts as string, port, refreshMs, server, random: Math.random });
}

function redisSourceOf(
  { namespace, cluster, refresh: refreshMs, passwordFile }: DiscoverFlags,
  seeds: readonly string[],
  registry: Registry,
): ShardSource {
  const login = passwordFile === undefined ? null : { username: 'default', password: secretIn(passwordFile) };
  const query = { seeds, refreshMs, certificates: null, login, random: Math.random };
  return redisSource(query, async () => (await registry.topologies.read({ namespace, cluster }))?.shards ?? []);
}
