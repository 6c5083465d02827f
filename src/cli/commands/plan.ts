import { Command } from 'commander';
import { loadConfig } from '../../config/index.ts';
import { DEFAULT_NAMESPACE } from '../../registry/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  Cluster,
  type ClusterDescription,
  diff,
  type Flow,
  type MovedPin,
  parseTopology,
  sharesOf,
  type TopologyName,
} from '../../topology/index.ts';
import { readDocument } from '../../yaml/index.ts';
import { describedClusters } from '../options/described-clusters.ts';
import { nameOption } from '../options/options.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { table } from '../output/table.ts';
import { writeTables } from '../output/terminal.ts';
import { isTopology } from './validate.ts';

const BAR_CHARACTERS = 30;
/** A terminal's page; of the rest, only the number is given. */
const MAX_FLOWS = 20;

interface Plan {
  readonly cluster: string;
  /** The share of all keys whose owner changes. */
  readonly moved: number;
  readonly flows: readonly Flow[];
  readonly pins: readonly MovedPin[];
  readonly shards: ReadonlyArray<{
    readonly id: string;
    readonly before: number | null;
    readonly after: number | null;
  }>;
}

interface PlanFlags extends RegistryFlag {
  readonly config?: string;
  readonly cluster?: string;
  readonly json?: true;
}

export function planCommand(): Command {
  return withRegistryOption(
    new Command('plan')
      .description('show how much a change would move, before it is made')
      .argument('<file>', 'the topology or config to come')
      .option('--config <file>', 'compare with this config instead of the registry')
      .option('--cluster <name>', 'this cluster only', nameOption)
      .option('--json', 'print one JSON object per cluster, each on a line'),
  )
    .addHelpText('after', '\nExample:\n  keyway plan docs.yaml\n  keyway plan four-shards.yaml --config keyway.yaml')
    .action(async (file: string, flags: PlanFlags) => {
      for (const { before, after } of await changesOf(file, flags)) {
        const plan = planOf(new Cluster(before), new Cluster(after));
        writeTables(flags.json === true ? `${JSON.stringify(plan)}\n` : planText(plan), flags.json === true);
      }
    });
}

interface Change {
  readonly before: ClusterDescription;
  readonly after: ClusterDescription;
}

/** The clusters that a file describes beside those that are in effect: in a config, or else in the registry. */
async function changesOf(file: string, flags: PlanFlags): Promise<Change[]> {
  const will = await clustersOf(file);
  const had = flags.config === undefined ? await inTheRegistry(will, flags) : await clustersOf(flags.config);
  // Of a config nothing is left out; a topology is of one cluster.
  const all = flags.config === undefined || isTopology(readDocument(file)) ? will : had;
  return (flags.cluster === undefined ? [...all.keys()] : [flags.cluster]).map((name) => {
    const [before, after] = [had.get(name), will.get(name)];
    if (after === undefined) throw new UsageError(`there is no cluster ${name} in ${file}`);
    if (before === undefined)
      throw new UsageError(`there is no cluster ${name} in ${flags.config ?? 'the registry'}: all of its keys are new`);
    return { before: before.description, after: after.description };
  });
}

/** A cluster by its name in a document, and the name of its topology in a registry. */
interface Named {
  readonly topology: TopologyName;
  readonly description: ClusterDescription;
}

async function clustersOf(file: string): Promise<Map<string, Named>> {
  const text = readDocument(file);
  if (isTopology(text)) {
    const topology = parseTopology(text, file);
    const { namespace, name } = topology;
    return new Map([[name, { topology: { namespace, cluster: name }, description: topology }]]);
  }
  const config = loadConfig(file);
  const described = await describedClusters(config);
  return new Map(
    config.clusters.map(({ name, source }, i) => {
      const topology = source.kind === 'registry' ? source.topology : { namespace: DEFAULT_NAMESPACE, cluster: name };
      return [name, { topology, description: described[i] as ClusterDescription }];
    }),
  );
}

function inTheRegistry(clusters: ReadonlyMap<string, Named>, flags: RegistryFlag): Promise<Map<string, Named>> {
  return inRegistry(flags, async ({ topologies }) => {
    const found = await Promise.all(
      [...clusters].map(async ([name, { topology }]) => [name, topology, await topologies.read(topology)] as const),
    );
    return new Map(
      found.flatMap(([name, topology, description]) =>
        description === null ? [] : [[name, { topology, description }] as const],
      ),
    );
  });
}

function planOf(before: Cluster, after: Cluster): Plan {
  const { moved, flows, pins } = diff(before, after);
  const [had, will] = [sharesOf(before), sharesOf(after)];
  const ids = [...new Set([...had.keys(), ...will.keys()])];
  const shards = ids.map((id) => ({ id, before: had.get(id) ?? null, after: will.get(id) ?? null }));
  return { cluster: before.name, moved, flows, pins, shards };
}

function planText({ cluster, moved, flows, pins, shards }: Plan): string {
  const rows = flows.slice(0, MAX_FLOWS).map(({ from, to, share }) => [from ?? '-', to ?? '-', percent(share)]);
  const most = Math.max(...shards.map(({ before, after }) => Math.max(before ?? 0, after ?? 0)));
  const parts = [
    `${cluster}: ${percent(moved).trim()} of the keys move\n`,
    rows.length === 0 ? '' : `\n${table(['from', 'to', 'share'], rows)}`,
    flows.length > MAX_FLOWS ? `and ${flows.length - MAX_FLOWS} pairs more\n` : '',
    ...pins.map(({ pin, from, to }) => `${pin}: ${from ?? 'by the placement'} -> ${to ?? 'by the placement'}\n`),
    '\n',
    table(
      ['shard', 'before', ' after', ''],
      shards.map(({ id, before, after }) => [id, percent(before), percent(after), bar((after ?? 0) / most)]),
    ),
  ];
  return parts.join('');
}

function percent(share: number | null): string {
  return (share === null ? '-' : `${(100 * share).toFixed(1)}%`).padStart(6);
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar to an eighth of a character. */
function bar(share: number): string {
  const eighths = Math.round(share * BAR_CHARACTERS * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}
