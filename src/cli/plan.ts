import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import {
  Cluster,
  type ClusterDescription,
  diff,
  type Flow,
  type MovedPin,
  parseTopology,
  sharesOf,
  topologyText,
} from '../topology/index.ts';
import { readDocument } from '../yaml/index.ts';
import { describedClusters } from './described-clusters.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from './registry-option.ts';
import { table } from './table.ts';
import { writeTables } from './terminal.ts';
import { UsageError } from './usage-error.ts';

const BAR_CHARACTERS = 30;
/** A terminal's page; the rest is told by its number. */
const MOST_FLOWS = 20;

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
      .description('tell what would move, before anything does')
      .argument('<file>', 'the topology that is to come; with --config: the config that is to come')
      .option('--config <file>', 'the config that is in effect, in place of what the registry has')
      .option('--cluster <name>', 'with --config: this cluster only')
      .option('--json', 'one JSON object a cluster and line'),
  )
    .addHelpText('after', '\nExample:\n  keyway plan docs.yaml\n  keyway plan four-shards.yaml --config keyway.yaml')
    .action(async (file: string, flags: PlanFlags) => {
      const changes =
        flags.config === undefined ? [await inTheRegistry(file, flags)] : await inConfigs(file, flags.config, flags);
      for (const { before, after } of changes) {
        const plan = planOf(new Cluster(before), new Cluster(after));
        writeTables(flags.json === true ? `${JSON.stringify(plan)}\n` : planText(plan), flags.json === true);
      }
    });
}

interface Change {
  readonly before: ClusterDescription;
  readonly after: ClusterDescription;
}

/** A topology beside what the registry has of its cluster. */
async function inTheRegistry(file: string, flags: RegistryFlag): Promise<Change> {
  const after = parseTopology(readDocument(file), file);
  const name = { namespace: after.namespace, cluster: after.name };
  const before = await inRegistry(flags, ({ topologies }) => topologies.read(name));
  if (before === null)
    throw new UsageError(`the registry has no cluster ${topologyText(name)}: all of its keys are new`);
  return { before, after };
}

/** The clusters of one config beside those of another. */
async function inConfigs(file: string, config: string, { cluster }: PlanFlags): Promise<Change[]> {
  const [had, will] = [await clustersOf(config), await clustersOf(file)];
  return (cluster === undefined ? [...had.keys()] : [cluster]).map((name) => {
    const [before, after] = [had.get(name), will.get(name)];
    if (before === undefined) throw new UsageError(`there is no cluster ${name} in ${config}`);
    if (after === undefined) throw new UsageError(`there is no cluster ${name} in ${file}`);
    return { before, after };
  });
}

async function clustersOf(file: string): Promise<Map<string, ClusterDescription>> {
  return new Map((await describedClusters(loadConfig(file))).map((cluster) => [cluster.name, cluster]));
}

function planOf(before: Cluster, after: Cluster): Plan {
  const { moved, flows, pins } = diff(before, after);
  const [had, will] = [sharesOf(before), sharesOf(after)];
  const ids = [...new Set([...had.keys(), ...will.keys()])];
  const shards = ids.map((id) => ({ id, before: had.get(id) ?? null, after: will.get(id) ?? null }));
  return { cluster: before.name, moved, flows, pins, shards };
}

function planText({ cluster, moved, flows, pins, shards }: Plan): string {
  const rows = flows.slice(0, MOST_FLOWS).map(({ from, to, share }) => [from ?? '-', to ?? '-', percent(share)]);
  const most = Math.max(...shards.map(({ before, after }) => Math.max(before ?? 0, after ?? 0)));
  const parts = [
    `${cluster}: ${percent(moved).trim()} of the keys move\n`,
    rows.length === 0 ? '' : `\n${table(['from', 'to', 'share'], rows)}`,
    flows.length > MOST_FLOWS ? `and ${flows.length - MOST_FLOWS} pairs more\n` : '',
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
