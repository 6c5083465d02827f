import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import { Cluster, type ClusterDescription, diff, type Flow, sharesOf } from '../topology/index.ts';
import { UsageError } from './usage-error.ts';

const BAR_CHARACTERS = 30;
/** A terminal's page; the rest is told by its number. */
const MOST_FLOWS = 20;

interface Plan {
  readonly cluster: string;
  /** The share of all keys whose owner changes. */
  readonly moved: number;
  readonly flows: readonly Flow[];
  readonly shards: ReadonlyArray<{
    readonly id: string;
    readonly before: number | null;
    readonly after: number | null;
  }>;
}

export function planCommand(): Command {
  return new Command('plan')
    .description('tell what would move, before anything does')
    .argument('<file>', 'the config that is to come, in YAML')
    .requiredOption('--config <file>', 'the config that is in effect')
    .option('--cluster <name>', 'this cluster only')
    .option('--json', 'one JSON object a cluster and line')
    .addHelpText('after', '\nExample:\n  keyway plan four-shards.yaml --config keyway.yaml')
    .action((file: string, options: { config: string; cluster?: string; json?: true }) => {
      const [before, after] = [clustersOf(options.config), clustersOf(file)];
      const names = options.cluster === undefined ? [...before.keys()] : [options.cluster];
      for (const name of names) {
        const [old, next] = [before.get(name), after.get(name)];
        if (old === undefined) throw new UsageError(`there is no cluster ${name} in ${options.config}`);
        if (next === undefined) throw new UsageError(`there is no cluster ${name} in ${file}`);
        const plan = planOf(new Cluster(old), new Cluster(next));
        process.stdout.write(options.json === true ? `${JSON.stringify(plan)}\n` : table(plan));
      }
    });
}

function clustersOf(file: string): Map<string, ClusterDescription> {
  return new Map(loadConfig(file).routing.clusters.map((cluster) => [cluster.name, cluster]));
}

function planOf(before: Cluster, after: Cluster): Plan {
  const { moved, flows } = diff(before, after);
  const [had, will] = [sharesOf(before), sharesOf(after)];
  const ids = [...new Set([...had.keys(), ...will.keys()])];
  const shards = ids.map((id) => ({ id, before: had.get(id) ?? null, after: will.get(id) ?? null }));
  return { cluster: before.name, moved, flows, shards };
}

function table({ cluster, moved, flows, shards }: Plan): string {
  const width = Math.max('shard'.length, ...shards.map(({ id }) => id.length));
  const name = (text: string | null): string => (text ?? '-').padEnd(width);
  const lines = [`${cluster}: ${percent(moved).trim()} of the keys move`];
  if (flows.length > 0) lines.push('', `${name('from')}  ${name('to')}  share`);
  for (const { from, to, share } of flows.slice(0, MOST_FLOWS))
    lines.push(`${name(from)}  ${name(to)}  ${percent(share)}`);
  if (flows.length > MOST_FLOWS) lines.push(`and ${flows.length - MOST_FLOWS} pairs more`);
  lines.push('', `${name('shard')}  before   after`);
  const most = Math.max(...shards.map(({ before, after }) => Math.max(before ?? 0, after ?? 0)));
  for (const { id, before, after } of shards)
    lines.push(`${name(id)}  ${percent(before)}  ${percent(after)}  ${bar((after ?? 0) / most)}`.trimEnd());
  return `${lines.join('\n')}\n`;
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
