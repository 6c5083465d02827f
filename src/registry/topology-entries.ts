import { z } from 'zod';
import {
  type ReadTopology,
  readTopology,
  type Topology,
  type TopologyName,
  type TopologyVersion,
  topologyDocument,
  topologyText,
} from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import type { Change, Entry } from './store/store.ts';
import { parsed, type UnreadableEntries, UnreadableEntry } from './unreadable.ts';

/** The entry that holds the current version's number. Where the topology was deleted, versions go on from it. */
export interface Pointer {
  readonly version: TopologyVersion;
  readonly deleted: boolean;
  /** It replaced another version at once: members that do not know it may serve anything. If this is not given, all members had confirmed it. */
  readonly atOnce?: boolean;
}

const pointerSchema = z.object({
  version: z.int().min(1),
  deleted: z.boolean().default(false),
  atOnce: z.boolean().optional(),
});

/** @throws UnreadableEntry */
export function pointerOf(entry: Entry): Pointer {
  return parsed(entry, pointerSchema) as Pointer;
}

/** A version as it is stored; `at`: when it was committed, the time of day, ISO 8601, by that process's clock. */
const storedSchema = z.object({ at: z.string().default(''), topology: z.record(z.string(), z.unknown()) });
interface StoredVersion {
  readonly at: string;
  readonly topology: object;
}

/** Digits of the largest version that a number holds, so that the keys of versions stand in their order. */
const VERSION_DIGITS = 16;
export const POINTERS = 'topology/';
export const pointerKey = ({ namespace, cluster }: TopologyName): string =>
  `${POINTERS}${namespace}/${cluster}/current`;
const POINTER_KEY = /^topology\/([^/]+)\/([^/]+)\/current$/;
/** Which topology a pointer's key is of; null: it is no pointer's. */
export function nameOf(key: string): TopologyName | null {
  const [, namespace, cluster] = POINTER_KEY.exec(key) ?? [];
  return namespace === undefined || cluster === undefined ? null : { namespace, cluster };
}
export const versionsOf = ({ namespace, cluster }: TopologyName): string => `version/${namespace}/${cluster}/`;
export const versionKey = (name: TopologyName, version: number): string =>
  versionsOf(name) + String(version).padStart(VERSION_DIGITS, '0');

/** How many versions of a cluster are kept, to look at and to go back to. */
const KEPT_VERSIONS = 100;
/** A wave that is narrowed leaves a number out; a person may leave out a million. */
const MOST_LEFT_OUT = 8;

/**
 * What makes a topology the current one.
 * @param at the time of day, ISO 8601
 * @param before the version before it, where numbers may have been left out
 */
export function versionChanges(
  name: TopologyName,
  topology: Topology,
  at: string,
  atOnce = false,
  before = topology.version - 1,
): [Change, Change, ...Change[]] {
  const { version } = topology;
  const stored = { at, topology: topologyDocument(topology) } satisfies StoredVersion;
  const past: Change[] = [];
  for (let each = Math.max(before + 1, version - MOST_LEFT_OUT); each <= version; each++)
    if (each > KEPT_VERSIONS) past.push({ key: versionKey(name, each - KEPT_VERSIONS), value: null });
  const pointer: Pointer = { version, deleted: false, ...(atOnce ? { atOnce } : {}) };
  return [
    { key: pointerKey(name), value: JSON.stringify(pointer) },
    { key: versionKey(name, version), value: JSON.stringify(stored) },
    ...past,
  ];
}

/** The pointers among entries, and what they are to. Those that cannot be read are noted, and left out. */
export function readPointers(entries: readonly Entry[], unreadable: UnreadableEntries): Array<TopologyName & Pointer> {
  return entries.flatMap((entry) => {
    const name = nameOf(entry.key);
    const pointer = name === null ? undefined : unreadable.try(entry, pointerOf);
    return name === null || pointer === undefined ? [] : [{ ...name, ...pointer }];
  });
}

/** The pointers to topologies that have not been deleted. */
export function liveTopologies(
  entries: readonly Entry[],
  unreadable: UnreadableEntries,
): Array<TopologyName & { readonly version: TopologyVersion }> {
  return readPointers(entries, unreadable).flatMap(({ namespace, cluster, version, deleted }) =>
    deleted ? [] : [{ namespace, cluster, version }],
  );
}

/** A stored version. */
export interface ReadVersion {
  readonly at: string;
  readonly topology: Topology;
  /** Fields that this release does not know. */
  readonly ignored: readonly string[];
}

/** @throws UnreadableEntry */
export function versionOf(name: TopologyName, entry: Entry): ReadVersion {
  const { at, topology: document } = parsed(entry, storedSchema);
  return { at, ...checked(name, entry, document) };
}

export function topologyOf(name: TopologyName, entry: Entry): Topology {
  return versionOf(name, entry).topology;
}

/** A topology that an entry keeps, as this release understands it. @throws UnreadableEntry */
export function checked(name: TopologyName, entry: Entry, document: unknown): Omit<ReadVersion, 'at'> {
  const { topology, ignored } = readOrRefuse(entry, () => readTopology(document, topologyText(name)));
  const { namespace, version } = topology;
  if (version === null || topologyText({ namespace, cluster: topology.name }) !== topologyText(name))
    throw new UnreadableEntry(entry, `it is not a version of ${topologyText(name)}`);
  return { topology: { ...topology, version }, ignored };
}

function readOrRefuse(entry: Entry, read: () => ReadTopology): ReadTopology {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw new UnreadableEntry(entry, error.message.replaceAll('\n', '; '), { cause: error });
  }
}
