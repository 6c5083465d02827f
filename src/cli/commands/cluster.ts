import { Command } from 'commander';
import { DEFAULT_NAMESPACE, instanceText, isMemberOf, qualified, type Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  Cluster,
  checkTopology,
  reachableAddress,
  servingShards,
  sharesOf,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  topologyText,
} from '../../topology/index.ts';
import { checked } from '../../yaml/index.ts';
import { changed } from '../change-topology.ts';
import { confirm } from '../options/confirm.ts';
import { type ClusterFlags, currentTopology } from '../options/named-cluster.ts';
import { nameOption } from '../options/options.ts';
import { PLACEMENT_HELP, placementDocument } from '../options/placement-option.ts';
import { inRegistry, inRegistryOrNew, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { listing } from '../output/table.ts';
import { writeOut, writeTables } from '../output/terminal.ts';

interface Namespaced extends RegistryFlag {
  readonly namespace: string;
}

interface CreateFlags extends Namespaced {
  readonly shards: string;
  readonly placement: string;
  readonly hashOn: string;
}

/** `keyway cluster`: clusters as the registry has them. */
export function clusterCommand(): Command {
  const command = new Command('cluster')
    .description('create, list, show and delete clusters in the registry')
    .addHelpText(
      'after',
      '\nExample:\n  keyway cluster create docs --shards s0=10.0.0.1:9101,s1=10.0.0.2:9101 --placement maglev\n  keyway cluster show docs',
    );
  namespaced(
    command
      .command('create')
      .description('create a cluster')
      .addHelpText(
        'after',
        '\nExample:\n  keyway cluster create docs --shards s0=10.0.0.1:9101,s1=10.0.0.2:9101 --placement maglev',
      )
      .argument('<name>', '', nameOption)
      .requiredOption('--shards <list>', 'id=host:port of each, separated by commas')
      .option('--placement <name>', PLACEMENT_HELP, 'ringHash')
      .option('--hash-on <what>', 'id, address or hostname', 'id'),
  ).action(async (name: string, flags: CreateFlags) => {
    const draft = draftOf(name, flags);
    await inRegistryOrNew(flags, async (registry) => {
      const { version } = await changed(registry, draft, { expected: null }, 'the cluster is made');
      writeOut(`${name} is at version ${version}\n`);
    });
  });
  withRegistryOption(
    command
      .command('list')
      .description('list the clusters')
      .addHelpText('after', '\nExample:\n  keyway cluster list --json')
      .option('--namespace <name>', 'of this namespace only', nameOption)
      .option('--json', 'print one JSON object per line'),
  ).action((flags: Partial<Namespaced> & { json?: true }) =>
    inRegistry(flags, async ({ topologies }) => {
      const names = await topologies.list(flags.namespace ?? null);
      const found = await Promise.all(names.map((name) => topologies.read(name)));
      const rows = found.flatMap((topology) => (topology === null ? [] : [summaryOf(topology)]));
      const nothing = 'there is no cluster: keyway cluster create, or keyway topology apply, makes one';
      writeTables(listing(rows, SUMMARY, flags.json === true, nothing), flags.json === true);
    }),
  );
  namespaced(
    command
      .command('show')
      .description('show a cluster and its shards')
      .addHelpText('after', '\nExample:\n  keyway cluster show docs')
      .argument('<name>', '', nameOption)
      .option('--json', 'print one JSON object'),
  ).action((cluster: string, flags: Namespaced & { json?: true }) =>
    inRegistry(flags, async (registry) => {
      const topology = await currentTopology(registry, { ...flags, cluster } satisfies ClusterFlags);
      const shares = sharesOf(new Cluster(topology));
      const shards = servingShards(topology).map((shard) => ({ ...shard, share: shares.get(shard.id) ?? 0 }));
      const { namespace, name, version, placement, hashOn, pins = [] } = topology;
      if (flags.json) writeOut(`${JSON.stringify({ namespace, name, version, placement, hashOn, pins, shards })}\n`);
      else {
        writeOut(`${namespace}/${name} at version ${version}, ${placement.name} on the ${hashOn}\n\n`);
        writeTables(listing(shards, SHARD, false), false);
      }
    }),
  );
  namespaced(
    command
      .command('delete')
      .description('delete a cluster')
      .addHelpText('after', '\nExample:\n  keyway cluster delete docs --yes')
      .argument('<name>', '', nameOption)
      .option('--yes', 'without asking'),
  ).action(async (cluster: string, flags: Namespaced & { yes?: true }) => {
    const name = { namespace: flags.namespace, cluster };
    await confirm(`delete the cluster ${topologyText(name)}: routers will refuse its requests`, flags.yes);
    const found = await inRegistry(flags, ({ topologies }) => topologies.delete(name));
    if (!found) throw new UsageError(`there is no cluster ${topologyText(name)}`);
    writeOut(`${cluster} is deleted\n`);
  });
  namespaced(
    command
      .command('forget')
      .description('declare a router, or a process of a shard, dead, so that nothing waits for it any longer')
      .addHelpText('after', '\nExample:\n  keyway cluster forget docs s0 --yes')
      .argument('<name>', '', nameOption)
      .argument('<process>', 'as keyway status and messages name it: a shard, with its instance where it has several')
      .option('--yes', 'without asking'),
  ).action(async (cluster: string, process: string, flags: Namespaced & { yes?: true }) => {
    const name = { namespace: flags.namespace, cluster };
    await confirm(`say that ${process} has ended: if it has not, two shards may serve a key at once`, flags.yes);
    if (!(await inRegistry(flags, (registry) => forgotten(registry, name, process))))
      throw new UsageError(
        `nothing waits for ${process} in ${topologyText(name)}, or it is still running; see keyway status`,
      );
    writeOut(`nothing waits for ${process} any more\n`);
  });
  return command;
}

/** @returns whether there was a process of that name, and one alone, that holds no lease */
async function forgotten({ handoffs, members }: Registry, name: TopologyName, process: string): Promise<boolean> {
  const routers = await members.list('router');
  const isThere = routers.some((router) => qualified(router.name, router.instance) === process);
  if (!isThere && (await handoffs.forgetAutonomous(name, process))) return true;
  const there = await members.list('node', `${topologyText(name)}/`);
  const { nodes } = await handoffs.read(name);
  const [node, another] = nodes.filter(
    (each) =>
      !each.ended &&
      !there.some(isMemberOf(name, each)) &&
      [each.shard, qualified(each.shard, each.instance), instanceText(each)].includes(process),
  );
  return node !== undefined && another === undefined && handoffs.endNode(name, node);
}

function namespaced(command: Command): Command {
  return withRegistryOption(command).option(
    '--namespace <name>',
    'the namespace of the cluster',
    nameOption,
    DEFAULT_NAMESPACE,
  );
}

function draftOf(cluster: string, { namespace, shards, placement, hashOn }: CreateFlags): TopologyDraft {
  const list = shards.split(',').map((each) => {
    const equals = each.indexOf('=');
    if (equals < 0) throw new UsageError(`"${each}" is not a shard; write id=host:port, such as s0=127.0.0.1:9101`);
    const address = each.slice(equals + 1);
    const found = checked(reachableAddress, address);
    if ('fault' in found) throw new UsageError(`--shards ${each}: ${found.fault}`);
    return { id: each.slice(0, equals), address };
  });
  return checkTopology(
    { namespace, cluster, placement: placementDocument(placement), hashOn, shards: list },
    'the cluster',
  );
}

function summaryOf({ namespace, name, version, placement, shards }: Topology) {
  return { namespace, name, version, placement: placement.name, shards: shards.length };
}

type Summary = ReturnType<typeof summaryOf>;
const SUMMARY = {
  namespace: (row: Summary) => row.namespace,
  cluster: (row: Summary) => row.name,
  version: (row: Summary) => row.version,
  placement: (row: Summary) => row.placement,
  shards: (row: Summary) => row.shards,
};

type ShownShard = Topology['shards'][number] & { readonly share: number };
const SHARD = {
  shard: (row: ShownShard) => row.id,
  address: (row: ShownShard) => row.address,
  weight: (row: ShownShard) => row.weight,
  share: (row: ShownShard) => `${(100 * row.share).toFixed(1)}%`,
};
