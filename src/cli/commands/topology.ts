import { Command, Option } from 'commander';
import { goBack, pauseChange } from '../../handoff/index.ts';
import type { Registry } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  parseSetNodes,
  parseTopology,
  setNodesText,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyText,
  topologyYaml,
  writtenTopology,
} from '../../topology/index.ts';
import { readDocument } from '../../yaml/index.ts';
import { changed, waitingCommand } from '../change-topology.ts';
import { type ClusterFlags, currentTopology, namedCluster, withClusterOptions } from '../options/named-cluster.ts';
import { integerOption, nameOption } from '../options/options.ts';
import { inRegistry, inRegistryOrNew, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { listing } from '../output/table.ts';
import { writeOut, writeTables } from '../output/terminal.ts';

const versionOption = integerOption(1, Number.MAX_SAFE_INTEGER);
const FORMS = ['yaml', 'json', 'setnodes'] as const;
type Form = (typeof FORMS)[number];

interface ApplyFlags extends ClusterFlags {
  readonly form: Form;
  readonly force?: true;
  readonly lost?: string;
  readonly abort?: true;
}

/** `keyway topology`: versions of a cluster's whole description. */
export function topologyCommand(): Command {
  const command = new Command('topology')
    .description('read, apply and roll back topologies in the registry')
    .addHelpText(
      'after',
      '\nExample:\n  keyway topology get > docs.yaml\n  keyway topology apply docs.yaml\n  keyway topology rollback 3',
    );
  withClusterOptions(
    command
      .command('get')
      .description('print a topology')
      .addHelpText('after', '\nExample:\n  keyway topology get --form json')
      .argument('[version]', 'a version other than the current one', versionOption)
      .addOption(new Option('--form <form>', 'the format of the output').choices([...FORMS]).default('yaml'))
      .option('--json', 'the same as --form json'),
  ).action((version: TopologyVersion | undefined, flags: ClusterFlags & { form: Form; json?: true }) =>
    inRegistry(flags, async (registry) => {
      const topology = await versionOf(registry, flags, version);
      writeOut(formatted(topology, flags.json === true ? 'json' : flags.form));
    }),
  );
  withRegistryOption(
    command
      .command('apply')
      .description('switch to a topology, and wait until that is done')
      .addHelpText('after', '\nExample:\n  keyway topology apply docs.yaml\n  keyway topology apply --abort')
      .argument('[file]', 'YAML or JSON; lines of CLUSTERX SETNODES with --form setnodes')
      .addOption(new Option('--form <form>', 'the format of the file').choices([...FORMS]).default('yaml'))
      .option('--namespace <name>', 'for --abort and the setnodes form, which does not name one', nameOption, 'default')
      .option('--cluster <name>', 'for --abort and the setnodes form, which does not name one', nameOption)
      .option(
        '--force',
        'commit at once, without waiting for anything; a version that is not newer becomes the next one',
      )
      .option('--lost <shards>', 'shards that are known to be dead, separated by commas: nothing waits for them')
      .option('--abort', 'abandon the change in progress; keys that it has moved go back'),
  ).action(apply);
  for (const [verb, description] of [
    ['pause', 'stop the change in progress before it moves more keys'],
    ['resume', 'continue a change that was paused'],
  ] as const)
    withClusterOptions(
      command
        .command(verb)
        .description(description)
        .addHelpText('after', `\nExample:\n  keyway topology ${verb} --cluster docs`),
    ).action((flags: ClusterFlags) =>
      inRegistry(flags, async (registry) => pace(registry, await namedCluster(registry, flags), verb)),
    );
  withClusterOptions(
    command
      .command('history')
      .description('list the versions that are kept')
      .addHelpText('after', '\nExample:\n  keyway topology history')
      .option('--json', 'print one JSON object per line'),
  ).action((flags: ClusterFlags & { json?: true }) =>
    inRegistry(flags, async (registry) => {
      const rows = await registry.topologies.history(await namedCluster(registry, flags));
      // One that was never there has none either.
      if (rows.length === 0) await currentTopology(registry, flags);
      type Row = (typeof rows)[number];
      const columns = {
        version: (row: Row) => row.version,
        committed: (row: Row) => row.at,
        shards: (row: Row) => row.shards,
      };
      writeTables(listing(rows, columns, flags.json === true), flags.json === true);
    }),
  );
  withClusterOptions(
    command
      .command('rollback')
      .description('commit a past version again, as the next version')
      .addHelpText('after', '\nExample:\n  keyway topology rollback 3')
      .argument('<version>', 'a version that is kept', versionOption),
  ).action((version: TopologyVersion, flags: ClusterFlags) =>
    inRegistry(flags, async (registry) => {
      const past = await versionOf(registry, flags, version);
      const restored = { ...past, version: null };
      const now = await changed(registry, restored, { replacesStopped: true }, `version ${version} is restored`);
      writeOut(`${past.name} is at version ${now.version}, which is the same as version ${version}\n`);
    }),
  );
  return command;
}

async function apply(file: string | undefined, flags: ApplyFlags): Promise<void> {
  if ((file === undefined) !== (flags.abort === true)) throw new UsageError('give a file, or --abort');
  if (file === undefined) {
    await inRegistry(flags, async (registry) => abort(registry, await namedCluster(registry, flags)));
    return;
  }
  const draftIn = draftOf(file, flags);
  await inRegistryOrNew(flags, async (registry) => {
    const change = { force: flags.force === true, lost: flags.lost?.split(','), replacesStopped: true };
    const { name, version } = await changed(registry, await draftIn(registry), change, `${file} is applied`);
    writeOut(`${name} is at version ${version}\n`);
  });
}

/** @throws UsageError where no change is under way */
async function abort(registry: Registry, name: TopologyName): Promise<void> {
  const reason = 'keyway topology apply --abort';
  const toldBack = `${reason}: what has moved goes back`;
  const given = await goBack(registry, name, reason, waitingCommand(), (back, by) =>
    changed(registry, back, by, toldBack),
  );
  if (given === null) throw new UsageError(`no handoff of ${topologyText(name)} is under way`);
  const { handoff, version } = given;
  writeOut(
    version === null
      ? `version ${handoff.to} of ${name.cluster} was given up; version ${handoff.from} stays\n`
      : `the change of ${name.cluster} was given up, and what it had moved is back; it is at version ${version}\n`,
  );
}

/** @throws UsageError where no change is under way */
async function pace(registry: Registry, name: TopologyName, verb: 'pause' | 'resume'): Promise<void> {
  if ((await pauseChange(registry, name, verb === 'pause')) === null)
    throw new UsageError(`no change of ${topologyText(name)} is under way`);
  writeOut(
    verb === 'pause'
      ? `the change of ${name.cluster} is paused: keyway topology resume continues it\n`
      : `the change of ${name.cluster} continues\n`,
  );
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
  if (form === 'json') return `${JSON.stringify(writtenTopology(topology), null, 2)}\n`;
  try {
    return setNodesText(topology);
  } catch (cause) {
    if (cause instanceof RangeError) throw new UsageError(cause.message, { cause });
    throw cause;
  }
}

/** Reads what a file describes, before a registry is opened. @returns gives the topology; the line form needs what is current */
function draftOf(
  file: string,
  { form, namespace, cluster }: ClusterFlags & { form: Form },
): (registry: Registry) => Promise<TopologyDraft> {
  const text = readDocument(file);
  if (form !== 'setnodes') {
    const draft = parseTopology(text, file);
    return async () => draft;
  }
  if (cluster === undefined) throw new UsageError('the line form does not name a cluster: add --cluster');
  return async ({ topologies }) => {
    const known = await topologies.read({ namespace, cluster });
    // The line form has no rules of its own: a known cluster keeps its.
    const { consistency, failover, waves } = known ?? {};
    const rules = { ...(consistency && { consistency }), ...(failover && { failover }), ...(waves && { waves }) };
    return { ...parseSetNodes(text, file, cluster, known), ...rules, namespace, version: null };
  };
}
