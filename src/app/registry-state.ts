import { type ControlledCluster, newServesUntil, type ServesUntil } from '../control/index.ts';
import type { Acknowledgement, RouterValue, Unreadable } from '../registry/index.ts';
import { type StagedCluster, type TopologyName, topologyText } from '../topology/index.ts';

/** What is known of a router's registry, for people. */
export interface RegistryState {
  /** Null while it is reached; else since when not, and why. */
  readonly outage: { readonly sinceMs: number; readonly reason: string } | null;
  readonly outages: number;
  /** What it has that this router cannot read, and goes on without. */
  readonly unreadable: readonly Unreadable[];
  /** Of each cluster that comes from it: the version that is served, and where it was read. */
  readonly clusters: readonly RoutedFromRegistry[];
}

/** A cluster that comes from the registry. */
export interface RoutedFromRegistry {
  readonly name: string;
  readonly version: number | null;
  readonly from: string;
  /** Whether this router may serve it: by its lease, or without one. */
  readonly served: boolean;
  /** The handoff that is under way, as far as this router has to do with it. */
  readonly handoff: Pick<StagedCluster, 'to' | 'attempt' | 'step'> | null;
  /** This router drives the cluster's handoffs. */
  readonly controls: boolean;
  /** Steps of handoffs that it has begun. */
  readonly steps: Readonly<Record<string, number>>;
  readonly failovers: number;
}

/** The same while it changes. */
export interface FromRegistry {
  from: 'registry' | 'disk';
  /** The last event of it, so that an earlier one that takes longer to carry out can be told from it. */
  lastEvent: number;
  staged: StagedCluster | null;
  acknowledged: Acknowledgement | null;
  /** The version that all threads route by; a deleted one counts for as long as something is open to it. 0: none. */
  served: number;
  controls: boolean;
  readonly steps: Record<string, number>;
  failovers: number;
  readonly servesUntil: ServesUntil;
  readonly topology: TopologyName;
  /** Whether the threads know it: a cluster that a reload adds is followed before. */
  isRouted: boolean;
}

/** A cluster of which nothing is known yet. @param isRouted whether the threads know it */
export function unknownCluster(topology: TopologyName, isRouted: boolean): FromRegistry {
  return {
    from: 'registry',
    lastEvent: 0,
    staged: null,
    acknowledged: null,
    served: 0,
    controls: false,
    steps: {},
    failovers: 0,
    servesUntil: newServesUntil(),
    topology,
    isRouted,
  };
}

/** A cluster as it is given to the control plane. */
export function controlledCluster(name: string, { topology, servesUntil }: FromRegistry): ControlledCluster {
  return { name, topology, servesUntil };
}

/** A cluster as it is shown to people. @param nowMs by the clock of `servesUntil` */
export function routedFromRegistry(
  name: string,
  cluster: FromRegistry,
  version: number | null,
  nowMs: number,
): RoutedFromRegistry {
  const { from, staged, controls, steps, failovers } = cluster;
  return {
    name,
    from,
    version,
    served: isServed(cluster, nowMs),
    handoff: staged && { to: staged.to, attempt: staged.attempt, step: staged.step },
    controls,
    steps,
    failovers,
  };
}

/** Whether this router may serve a cluster: by its lease, or without one. */
export function isServed({ servesUntil }: FromRegistry, nowMs: number): boolean {
  return nowMs < (servesUntil[0] as number);
}

/** Which versions a router serves, and how far it is in their handoffs, as it says it in the registry. */
export function servedOf(clusters: Iterable<FromRegistry>): Pick<RouterValue, 'versions' | 'acknowledged'> {
  const versions: Record<string, number> = {};
  const acknowledged: Record<string, Acknowledgement> = {};
  for (const { topology, acknowledged: last, served } of clusters) {
    const cluster = topologyText(topology);
    versions[cluster] = served;
    if (last !== null) acknowledged[cluster] = last;
  }
  return { versions, acknowledged };
}
