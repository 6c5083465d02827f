import { Command, Option } from 'commander';
import {
  parseSetNodes,
  parseTopology,
  setNodesText,
  type Topology,
  type TopologyDraft,
  type TopologyVersion,
  topologyDocument,
  topologyYaml,
} from '../topology/index.ts';
import { readDocument } from '../yaml/index.ts';
import { type ClusterFlags, currentTopology, namedCluster, withClusterOptions } from './named-cluster.ts';
import { integerOption } from './options.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from './registry-option.ts';
import { listing } from './table.ts';
import { UsageError } from './usage-error.ts';

const versionOption = integerOption(1, Number.MAX_SAFE_INTEGER);
const FORMS = ['yaml', 'json', 'setnodes'] as const;
type Form = (typeof FORMS)[number];

/** `keyway topology`: versions of a cluster's whole description. */
export function topologyCommand(): Command {
  const command = new Command('topology')
    .description('topologies in the registry: read, apply, look back, go back')
    .addHelpText(
      'after',
      '\nExample:\n  keyway topology get > docs.yaml\n  keyway topology apply docs.yaml\n  keyway topology rollback 3',
    );
  withClusterOptions(
    command
      .command('get')
      .description('print a topology')
      .addHelpText('after', '\nExample:\n  keyway topology get --form json')
      .argument('[version]', 'another than the current one', versionOption)
      .addOption(new Option('--form <form>', 'how to write it').choices([...FORMS]).default('yaml'))
      .option('--json', 'the same as --form json'),
  ).action((version: TopologyVersion | undefined, flags: ClusterFlags & { form: Form; json?: true }) =>
    inRegistry(flags, async (registry) => {
      const topology = await versionOf(registry, flags, version);
      process.stdout.write(formatted(topology, flags.json === true ? 'json' : flags.form));
    }),
  );
  withRegistryOption(
    command
      .command('apply')
      .description('commit a topology; returns when it is committed')
      .addHelpText('after', '\nExample:\n  keyway topology apply docs.yaml')
      .argument('<file>', 'YAML or JSON; lines of CLUSTERX SETNODES with --form setnodes')
      .addOption(new Option('--form <form>', 'how it is written').choices([...FORMS]).default('yaml'))
      .option('--namespace <name>', 'for the line form, which names none', 'default')
      .option('--cluster <name>', 'for the line form, which names none')
      .option('--force', 'any version, also one that is no newer'),
  ).action((file: string, flags: ClusterFlags & { form: Form; force?: true }) =>
    inRegistry(flags, async (registry) => {
      const draft = await draftOf(file, flags, async (name) => registry.topologies.read(name));
      const { name, version } = await registry.topologies.commit(draft, { force: flags.force === true });
      process.stdout.write(`${name} is at version ${version}\n`);
    }),
  );
  withClusterOptions(
    command
      .command('history')
      .description('list the versions that are kept')
      .addHelpText('after', '\nExample:\n  keyway topology history')
      .option('--json', 'one JSON object a line'),
  ).action((flags: ClusterFlags & { json?: true }) =>
    inRegistry(flags, async (registry) => {
      const rows = await registry.topologies.history(await namedCluster(registry, flags));
      type Row = (typeof rows)[number];
      const columns = {
        version: (row: Row) => row.version,
        committed: (row: Row) => row.at,
        shards: (row: Row) => row.shards,
      };
      process.stdout.write(listing(rows, columns, flags.json === true));
    }),
  );
  withClusterOptions(
    command
      .command('rollback')
      .description('make what a past version was the next version')
      .addHelpText('after', '\nExample:\n  keyway topology rollback 3')
      .argument('<version>', 'a version that is kept', versionOption),
  ).action((version: TopologyVersion, flags: ClusterFlags) =>
    inRegistry(flags, async (registry) => {
      const past = await versionOf(registry, flags, version);
      const now = await registry.topologies.commit({ ...past, version: null });
      process.stdout.write(`${past.name} is at version ${now.version}, which is as version ${version} was\n`);
    }),
  );
  return command;
}

async function versionOf(
  registry: Parameters<typeof currentTopology>[0],
  flags: ClusterFlags & RegistryFlag,
  version: TopologyVersion | undefined,
): Promise<Topology> {
  if (version === undefined) return currentTopology(registry, flags);
  const name = await namedCluster(registry, flags);
  const topology = await registry.topologies.readVersion(name, version);
  if (topology === null)
    throw new UsageError(`version ${version} of ${name.cluster} is not kept: keyway topology history`);
  return topology;
}

function formatted(topology: Topology, form: Form): string {
  if (form === 'yaml') return topologyYaml(topology);
  if (form === 'json') return `${JSON.stringify(topologyDocument(topology), null, 2)}\n`;
  try {
    return setNodesText(topology);
  } catch (cause) {
    if (cause instanceof RangeError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

async function draftOf(
  file: string,
  { form, namespace, cluster }: ClusterFlags & { form: Form },
  current: (name: { namespace: string; cluster: string }) => Promise<Topology | null>,
): Promise<TopologyDraft> {
  const text = readDocument(file);
  if (form !== 'setnodes') return parseTopology(text, file);
  if (cluster === undefined) throw new UsageError('the line form names no cluster: say --cluster');
  const known = await current({ namespace, cluster });
  return { ...parseSetNodes(text, file, cluster, known), namespace, version: null };
}
