import { Command } from 'commander';
import type { Leader, Member, Registry } from '../registry/index.ts';
import { addressText, type Topology } from '../topology/index.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from './registry-option.ts';
import { table } from './table.ts';

/** What a router tells of itself in the registry. */
interface RouterValue {
  readonly versions?: Readonly<Record<string, number>>;
  readonly listen?: ReadonlyArray<{ readonly host: string; readonly port: number }>;
}

/** What a node tells of itself in the registry. */
interface NodeValue {
  readonly address?: string;
  readonly healthy?: boolean;
}

interface Status {
  readonly clusters: readonly Topology[];
  readonly routers: readonly Member[];
  readonly nodes: readonly Member[];
  readonly leaders: ReadonlyArray<Leader & { readonly election: string }>;
}

/** `keyway status`: who is there, and who serves what. */
export function statusCommand(): Command {
  return withRegistryOption(
    new Command('status')
      .description('routers and the versions they serve, shards, nodes and leaders at a glance')
      .option('--json', 'one JSON object')
      .addHelpText('after', '\nExample:\n  keyway status --registry 127.0.0.1:9200'),
  ).action((flags: RegistryFlag & { json?: true }) =>
    inRegistry(flags, async (registry) => {
      const status = await read(registry);
      process.stdout.write(flags.json === true ? `${JSON.stringify(status)}\n` : text(status));
    }),
  );
}

async function read({ topologies, members, elections }: Registry): Promise<Status> {
  const names = await topologies.list(null);
  const clusters = (await Promise.all(names.map((name) => topologies.read(name)))).filter((each) => each !== null);
  const [routers, nodes, leaders] = await Promise.all([members.list('router'), members.list('node'), elections.list()]);
  return { clusters, routers, nodes, leaders };
}

function text({ clusters, routers, nodes, leaders }: Status): string {
  const parts = [
    rowsOf(
      ['cluster', 'version', 'placement', 'shards'],
      clusters.map(({ namespace, name, version, placement, shards }) => [
        `${namespace}/${name}`,
        String(version),
        placement.name,
        shards.map(({ id }) => id).join(' '),
      ]),
    ),
    rowsOf(
      ['router', 'address', 'serves'],
      routers.map(({ name, value }) => {
        const { versions = {}, listen = [] } = value as RouterValue;
        const served = Object.entries(versions).map(
          ([cluster, version]) => `${cluster}@${version}${late(cluster, version, clusters)}`,
        );
        return [name, listen.map(addressText).join(' '), served.join(' ')];
      }),
    ),
    rowsOf(
      ['node', 'address', 'health'],
      nodes.map(({ name, value }) => {
        const { address = '', healthy } = value as NodeValue;
        return [name, address, healthy === false ? 'sick' : 'well'];
      }),
    ),
    rowsOf(
      ['election', 'leader', 'token'],
      leaders.map(({ election, candidate, token }) => [election, candidate, String(token)]),
    ),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** A part of which there is nothing is left out. */
function rowsOf(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return rows.length === 0 ? '' : table(head, rows);
}

/** Marks a router that does not serve the current version yet. */
function late(cluster: string, version: number, clusters: readonly Topology[]): string {
  const current = clusters.find(({ namespace, name }) => `${namespace}/${name}` === cluster);
  return current === undefined || current.version === version ? '' : `(behind ${current.version})`;
}
