import { Command } from 'commander';
import { awaitedIn } from '../handoff/index.ts';
import {
  type Handoff,
  isUnderWay,
  type Leader,
  type Member,
  nodeValue,
  type Registry,
  routerValue,
  UnreadableEntry,
} from '../registry/index.ts';
import { addressText, type Topology, topologyText } from '../topology/index.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from './registry-option.ts';
import { table } from './table.ts';
import { writeOut } from './terminal.ts';

interface Status {
  readonly clusters: readonly Topology[];
  /** Those that are under way. */
  readonly handoffs: ReadonlyArray<Handoff & { readonly cluster: string; readonly awaited: readonly string[] }>;
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
      const status = await statusOf(registry);
      writeOut(
        flags.json === true
          ? `${JSON.stringify(status)}
`
          : text(status),
      );
    }),
  );
}

async function statusOf({ topologies, handoffs: all, members, elections, unreadable }: Registry): Promise<Status> {
  const names = await topologies.list(null);
  // What cannot be read is told beside, and the rest goes on.
  const unlessUnreadable = <Value>(reading: Promise<Value>): Promise<Value | null> =>
    reading.catch((error: unknown) => {
      if (error instanceof UnreadableEntry) unreadable.note(error);
      else throw error;
      return null;
    });
  const read = await Promise.all(names.map((name) => unlessUnreadable(topologies.read(name))));
  const clusters = read.filter((each) => each !== null);
  const [routers, nodes, leaders] = await Promise.all([members.list('router'), members.list('node'), elections.list()]);
  const states = await Promise.all(
    names.map(async (name) => ({ name, state: await unlessUnreadable(all.read(name)) })),
  );
  const handoffs = states.flatMap(({ name, state }) => {
    const handoff = state?.handoff ?? null;
    if (state === null || handoff === null || !isUnderWay(handoff)) return [];
    const awaited = awaitedIn(name, handoff, { routers, nodes, known: state.nodes });
    return [{ cluster: topologyText(name), ...handoff, awaited }];
  });
  return { clusters, handoffs, routers, nodes, leaders };
}

function text({ clusters, handoffs, routers, nodes, leaders }: Status): string {
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
      ['handoff', 'versions', 'step', 'since', 'waits for', 'reason'],
      handoffs.map((handoff) => [
        handoff.cluster,
        `${handoff.from} -> ${handoff.to}`,
        handoff.retries === 0 ? handoff.step : `${handoff.step}, ${handoff.retries + 1}. time`,
        handoff.at,
        handoff.awaited.join(', '),
        handoff.reason,
      ]),
    ),
    rowsOf(
      ['router', 'address', 'serves'],
      routers.map(({ name, value }) => {
        const { versions, listen } = routerValue(value);
        const served = Object.entries(versions).map(
          ([cluster, version]) => `${cluster}@${version}${late(cluster, version, clusters)}`,
        );
        return [name, listen.map(addressText).join(' '), served.join(' ')];
      }),
    ),
    rowsOf(
      ['node', 'address', 'health'],
      nodes.map(({ name, value }) => {
        const { address, healthy } = nodeValue(value);
        return [name, address, healthy ? 'well' : 'sick'];
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
