import {
  checkTopology,
  type Topology,
  type TopologyName,
  type TopologyVersion,
  topologyDocument,
  topologyText,
} from '../topology/index.ts';
import type { Change, Entry } from './store/store.ts';

/** The entry that tells which version is current. Where the topology was deleted, versions go on from it. */
export interface Pointer {
  readonly version: TopologyVersion;
  readonly deleted: boolean;
}

/** A version as it is stored. */
export interface StoredVersion {
  /** When it was committed: the time of day, ISO 8601, by the clock of who did it. */
  readonly at: string;
  readonly topology: object;
}

/** Digits of the largest version that a number holds, so that the keys of versions stand in their order. */
const VERSION_DIGITS = 16;
export const POINTERS = 'topology/';
export const pointerKey = ({ namespace, cluster }: TopologyName): string =>
  `${POINTERS}${namespace}/${cluster}/current`;
/** Which topology a pointer's key is of. */
export function nameOf(key: string): TopologyName {
  const [namespace = '', cluster = ''] = key.slice(POINTERS.length).split('/');
  return { namespace, cluster };
}
export const versionsOf = ({ namespace, cluster }: TopologyName): string => `version/${namespace}/${cluster}/`;
export const versionKey = (name: TopologyName, version: number): string =>
  versionsOf(name) + String(version).padStart(VERSION_DIGITS, '0');

/** So many versions of a cluster are kept, to look at and to go back to. */
const KEPT_VERSIONS = 100;

/** What makes a topology the current one. @param at the time of day, ISO 8601 */
export function versionChanges(name: TopologyName, topology: Topology, at: string): [Change, Change, ...Change[]] {
  const { version } = topology;
  const stored: StoredVersion = { at, topology: topologyDocument(topology) };
  const past: Change[] =
    version > KEPT_VERSIONS ? [{ key: versionKey(name, version - KEPT_VERSIONS), value: null }] : [];
  return [
    { key: pointerKey(name), value: JSON.stringify({ version, deleted: false } satisfies Pointer) },
    { key: versionKey(name, version), value: JSON.stringify(stored) },
    ...past,
  ];
}

/** Of pointers those that are to a topology which has not been deleted. */
export function liveTopologies(
  pointers: readonly Entry[],
): Array<TopologyName & { readonly version: TopologyVersion }> {
  return pointers.flatMap(({ key, value }) => {
    const { version, deleted } = JSON.parse(value) as Pointer;
    return deleted ? [] : [{ ...nameOf(key), version }];
  });
}

/** A stored version, its topology checked. */
export function storedOf(name: TopologyName, entry: Entry): { readonly at: string; readonly topology: Topology } {
  const { at, topology } = JSON.parse(entry.value) as StoredVersion;
  return { at, topology: checkTopology(topology, `the registry's topology of ${topologyText(name)}`) as Topology };
}

export function topologyOf(name: TopologyName, entry: Entry): Topology {
  return storedOf(name, entry).topology;
}
