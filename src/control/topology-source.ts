import type { Registry, TopologyEvent } from '../registry/index.ts';
import { type SharedCluster, shareCluster, type Topology, type TopologyName } from '../topology/index.ts';
import type { KeptTopologies } from './kept-topologies.ts';

/** What a router's control plane tells of one cluster. Plain data, with tables in shared memory. */
export type ControlEvent =
  | {
      readonly kind: 'table';
      readonly cluster: string;
      readonly table: SharedCluster;
      /** From the registry, or from the disk because the registry cannot be reached. */
      readonly from: 'registry' | 'disk';
    }
  /** The registry has no topology for it. */
  | { readonly kind: 'gone'; readonly cluster: string }
  | { readonly kind: 'outage'; readonly cluster: string; readonly reason: string }
  | { readonly kind: 'recovered'; readonly cluster: string }
  /** Something that people should know and that changes nothing. */
  | { readonly kind: 'warning'; readonly cluster: string; readonly message: string };

/**
 * Follows a cluster's topology, builds each version's table, and keeps it on disk. Where the registry cannot be reached at
 * the beginning, what was kept is told.
 */
export async function followTopology(
  registry: Registry,
  kept: KeptTopologies,
  cluster: string,
  name: TopologyName,
  tell: (event: ControlEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let hasTable = false;
  for await (const event of registry.topologies.watch(name, null, signal)) {
    if (event.kind === 'topology') keep(event.topology, kept, cluster, tell);
    if (event.kind === 'outage' && !hasTable) {
      const topology = kept.read(name);
      if (topology !== null) tell({ kind: 'table', cluster, table: tableOf(cluster, topology), from: 'disk' });
      hasTable = topology !== null;
    }
    if (event.kind === 'topology') hasTable = true;
    tell(eventOf(cluster, event));
  }
}

function keep(topology: Topology, kept: KeptTopologies, cluster: string, tell: (event: ControlEvent) => void): void {
  try {
    kept.keep(topology);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell({ kind: 'warning', cluster, message: `the topology cannot be kept on disk: ${reason}` });
  }
}

function eventOf(cluster: string, event: TopologyEvent): ControlEvent {
  switch (event.kind) {
    case 'topology':
      return { kind: 'table', cluster, table: tableOf(cluster, event.topology), from: 'registry' };
    case 'outage':
      return { kind: 'outage', cluster, reason: event.cause.message };
    default:
      return { kind: event.kind, cluster };
  }
}

/** The router may have another name for it than the registry. */
function tableOf(cluster: string, topology: Topology): SharedCluster {
  return shareCluster({ ...topology, name: cluster }, topology.version);
}
