import { Command } from 'commander';
import { awaitedIn, awayRouters, blockingRouters } from '../../handoff/index.ts';
import {
  type AutonomousRouter,
  autonomousRouterName,
  type Handoff,
  type InstanceId,
  isMemberOf,
  isUnderWay,
  type KnownNode,
  type Leader,
  type Member,
  type MemberProcess,
  nodeValue,
  qualified,
  type Registry,
  routerValue,
  UnreadableEntry,
  type Wave,
} from '../../registry/index.ts';
import { addressText } from '../../runtime/address.ts';
import { servingShards, type Topology, topologyText } from '../../topology/index.ts';
import { inRegistry, type RegistryFlag, withRegistryOption } from '../options/registry-option.ts';
import { table } from '../output/table.ts';
import { writeTables } from '../output/terminal.ts';

interface Status {
  readonly clusters: readonly Topology[];
  /** Those that are under way. */
  readonly handoffs: ReadonlyArray<Handoff & { readonly cluster: string; readonly awaited: readonly string[] }>;
  readonly routers: readonly Member[];
  readonly nodes: readonly Member[];
  /** Processes of shards that hold no lease: a change that takes their keys waits for them, where they have not ended. */
  readonly away: ReadonlyArray<KnownNode & { readonly cluster: string }>;
  /** Routers that may serve without a lease, and are away. */
  readonly autonomous: ReadonlyArray<AutonomousRouter & { readonly cluster: string }>;
  readonly leaders: ReadonlyArray<Leader & { readonly election: string }>;
}

/** `keyway status`: which routers and nodes are there, and what they serve. */
export function statusCommand(): Command {
  return withRegistryOption(
    new Command('status')
      .description('show routers and the versions they serve, shards, nodes and leaders')
      .option('--all', 'also show nodes of shards that are not part of their cluster')
      .option('--json', 'print one JSON object')
      .addHelpText('after', '\nExample:\n  keyway status --registry 127.0.0.1:9200'),
  ).action((flags: RegistryFlag & { all?: true; json?: true }) =>
    inRegistry(flags, async (registry) => {
      const status = await statusOf(registry);
      writeTables(
        flags.json === true
          ? `${JSON.stringify(status)}\n`
          : text(flags.all === true ? status : withoutRemoved(status)),
        flags.json === true,
      );
    }),
  );
}

async function statusOf(registry: Registry): Promise<Status> {
  const { topologies, handoffs: all, members, elections, unreadable } = registry;
  const names = await topologies.list(null);
  // What cannot be read is reported separately, and the rest is shown.
  const unlessUnreadable = <Value>(reading: Promise<Value>): Promise<Value | null> =>
    reading.catch((error: unknown) => {
      if (error instanceof UnreadableEntry) unreadable.note(error);
      else throw error;
      return null;
    });
  const read = await Promise.all(names.map((name) => unlessUnreadable(topologies.read(name))));
  const clusters = read.filter((each) => each !== null);
  const [routers, nodes, leaders] = await Promise.all([members.list('router'), members.list('node'), elections.list()]);
  const states = (
    await Promise.all(
      names.map(async (name) => {
        const state = await unlessUnreadable(all.read(name));
        return state === null ? [] : [{ name, ...state }];
      }),
    )
  ).flat();
  const moving = new Set(clusters.flatMap((each) => (each.moving === undefined ? [] : [clusterText(each)])));
  const underWay = states.filter(
    ({ name, handoff }) => handoff !== null && (isUnderWay(handoff) || moving.has(topologyText(name))),
  );
  const handoffs = await Promise.all(
    underWay.map(async ({ name, handoff, nodes: known, autonomous }) => {
      const staged = await all.staged(name);
      const blocking =
        staged === null ? [] : await blockingRouters(registry, name, staged, { known, autonomous, routers });
      const isWaiting = isUnderWay(handoff as Handoff);
      const awaited = isWaiting ? awaitedIn(name, handoff as Handoff, { routers, nodes, known, blocking }) : [];
      return { cluster: topologyText(name), ...(handoff as Handoff), awaited };
    }),
  );
  const away = states.flatMap(({ name, nodes: known }) =>
    known
      .filter((node) => !node.ended && !nodes.some(isMemberOf(name, node)))
      .map((node) => ({ cluster: topologyText(name), ...node })),
  );
  const autonomous = states.flatMap(({ name, autonomous: all }) =>
    awayRouters({ autonomous: all, routers }).map((each) => ({ cluster: topologyText(name), ...each })),
  );
  return { clusters, handoffs, routers, nodes, away, autonomous, leaders };
}

function text({ clusters, handoffs, routers, nodes, away, autonomous, leaders }: Status): string {
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
        stepText(handoff),
        handoff.at,
        handoff.awaited.join(', '),
        handoff.reason,
      ]),
    ),
    rowsOf(
      ['router', 'address', 'process', 'serves'],
      [
        ...routers.map(({ name, instance, value }) => {
          const { versions, listen, process } = routerValue(value);
          const served = Object.entries(versions).map(
            ([cluster, version]) => `${cluster}@${version}${late(cluster, version, clusters)}`,
          );
          const at = listen.map(addressText).join(' ');
          return [distinguished(routers, name, instance), at, processText(process), served.join(' ')];
        }),
        ...autonomous.map((router) => [
          autonomousRouterName(router),
          'away',
          '',
          `${router.cluster}@${router.version}, perhaps`,
        ]),
      ],
    ),
    rowsOf(
      ['node', 'address', 'process', 'health'],
      [
        ...nodes.map(({ name, instance, value }) => {
          const { address, healthy, process } = nodeValue(value);
          return [
            distinguished(nodes, name, instance),
            address,
            processText(process),
            healthy ? 'healthy' : 'unhealthy',
          ];
        }),
        ...away.map(({ cluster, shard, nodeId, instance, address }) => [
          `${cluster}/${shard}/${qualified(nodeId, instance)}`,
          address,
          '',
          'lost',
        ]),
      ],
    ),
    rowsOf(
      ['election', 'leader', 'token'],
      leaders.map(({ election, candidate, token }) => [election, candidate, String(token)]),
    ),
  ];
  const shown = parts.filter((part) => part !== '');
  return shown.length === 0 ? EMPTY : shown.join('\n');
}

const EMPTY = `the registry is empty: there is no cluster, no router and no node
keyway cluster create, or keyway topology apply, makes a cluster
`;

/** Without nodes of shards that their cluster has no more: they own nothing, and nothing waits for them. */
function withoutRemoved(status: Status): Status {
  const shards = new Map(
    status.clusters.map((each) => [clusterText(each), new Set(servingShards(each).map(({ id }) => id))]),
  );
  const isUnderWay = (cluster: string): boolean => status.handoffs.some((handoff) => handoff.cluster === cluster);
  const isRemoved = (cluster: string, shard: string): boolean =>
    !isUnderWay(cluster) && shards.get(cluster)?.has(shard) === false;
  return {
    ...status,
    nodes: status.nodes.filter(({ name }) => {
      const [namespace, cluster, shard = ''] = name.split('/');
      return !isRemoved(`${namespace}/${cluster}`, shard);
    }),
    away: status.away.filter(({ cluster, shard }) => shards.has(cluster) && !isRemoved(cluster, shard)),
  };
}

/** How far a change is: its step, and which wave of how many keys it is in. */
function stepText(handoff: Handoff): string {
  const { step, wave, paused, retries } = handoff;
  const words = isUnderWay(handoff) ? step : 'between waves';
  const notes = [
    ...(retries === 0 ? [] : [`attempt ${retries + 1}`]),
    ...(wave === undefined || (wave.from === 0 && wave.to === 1) ? [] : [`wave ${wave.number}, ${percentText(wave)}`]),
    ...(paused === true ? ['paused'] : []),
  ];
  return notes.length === 0 ? words : `${words} (${notes.join(', ')})`;
}

function percentText({ from, to }: Wave): string {
  return `${Math.round(100 * from)}% to ${Math.round(100 * to)}% of the keys`;
}

function clusterText({ namespace, name }: Topology): string {
  return topologyText({ namespace, cluster: name });
}

/** Empty where it is not known: a member of an earlier release, or one that others registered. */
function processText(process: MemberProcess | undefined): string {
  return process === undefined ? '' : `${process.pid} on ${process.host}`;
}

/** Several processes may have one name. */
function distinguished(members: readonly Member[], name: string, instance: InstanceId): string {
  return members.some((other) => other.name === name && other.instance !== instance) ? qualified(name, instance) : name;
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
