import { z } from 'zod';
import { oncePerObject } from '../runtime/once-per-object.ts';
import {
  checkTopology,
  type ReadTopology,
  readTopology,
  type Topology,
  type TopologyDraft,
  type TopologyName,
  type TopologyVersion,
  topologyDocument,
  topologyText,
} from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import type { Change, Entry } from './store/store.ts';
import { jsonOf, parsed, type UnreadableEntries, UnreadableEntry } from './unreadable.ts';

/** The entry that holds the current version's number. Where the topology was deleted, versions go on from it. */
export interface Pointer {
  readonly version: TopologyVersion;
  readonly deleted: boolean;
  /** It replaced another version at once: members that do not know it may serve anything. If this is not given, all members had confirmed it. */
  readonly atOnce?: boolean;
  /** The handoff's attempt by which it was committed; not given where it was committed at once, and by earlier releases. */
  readonly attempt?: number | undefined;
  /** The versions that are stored, in their order; not given by releases that stored all of the last hundred. */
  readonly kept?: KeptVersions | undefined;
}

/** The versions that are stored, in their order. */
interface KeptVersions {
  readonly whole: readonly number[];
  /** In which some keys of a change have moved. */
  readonly moving: readonly number[];
}

const pointerSchema = z.object({
  version: z.int().min(1),
  deleted: z.boolean().default(false),
  atOnce: z.boolean().optional(),
  attempt: z.int().optional().catch(undefined),
  kept: z.object({ whole: z.array(z.int()), moving: z.array(z.int()) }).optional(),
});

/** @throws UnreadableEntry */
export function pointerOf(entry: Entry): Pointer {
  return parsed(entry, pointerSchema) as Pointer;
}

/** A version as it is stored; `at`: when it was committed, the time of day, ISO 8601, by that process's clock. */
const storedSchema = z.object({
  at: z.string().default(''),
  change: z.int().nullable().optional().catch(undefined),
  topology: z.record(z.string(), z.unknown()),
});
interface StoredVersion {
  readonly at: string;
  /** Which change it is of; null: it was committed at once. Earlier releases do not say. */
  readonly change?: number | null | undefined;
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
/** Nobody goes back to one in which some keys have moved; members that are a few behind read it. */
const KEPT_MOVING = 20;
/** Of those that are kept for longer and are not in use any more: a store takes some dozens of changes at once. */
const MAX_REMOVED = 20;

/**
 * Every writer of a topology checks it before it writes: members, routers and controllers read what is written, and one that none of them can
 * read would stop them all.
 * @returns the same one
 * @throws DocumentError naming every fault
 */
export function readable<Kept extends Topology | TopologyDraft>(topology: Kept): Kept {
  const { namespace, name: cluster } = topology;
  checkTopology(topologyDocument(topology), `the new topology of ${topologyText({ namespace, cluster })}`);
  return topology;
}

/** How a version is committed. */
interface VersionCommit {
  /** The time of day, ISO 8601. */
  readonly at: string;
  /** What is current; null: nothing has been. */
  readonly before: Pointer | null;
  readonly atOnce?: boolean;
  /** Which change it is of: see `Handoff`; null: it is committed at once. Not given: an earlier release has staged it, and has not said. */
  readonly change: number | null | undefined;
  /** See `Pointer`. */
  readonly attempt?: number;
  /** Versions by which routers may serve that are out of sight: they are kept, for what they may do is derived from them. */
  readonly inUse?: ReadonlySet<number>;
}

/** What makes a topology the current one. */
export function versionChanges(
  name: TopologyName,
  topology: Topology,
  { at, before, atOnce = false, change, attempt, inUse = new Set() }: VersionCommit,
): [Change, Change, ...Change[]] {
  const { version } = topology;
  const stored = { at, change, topology: topologyDocument(topology) } satisfies StoredVersion;
  const { kept, removed } = keptWith(topology, before, inUse);
  const pointer: Pointer = { version, deleted: false, ...(atOnce ? { atOnce } : {}), attempt, kept };
  return [
    { key: pointerKey(name), value: JSON.stringify(pointer) },
    { key: versionKey(name, version), value: JSON.stringify(stored) },
    ...removed.map((each): Change => ({ key: versionKey(name, each), value: null })),
  ];
}

function keptWith(
  { version, moving }: Topology,
  before: Pointer | null,
  inUse: ReadonlySet<number>,
): { kept: KeptVersions; removed: number[] } {
  const stored = before === null ? { whole: [], moving: [] } : (before.kept ?? lastHundred(before));
  const all = {
    whole: moving === undefined ? [...stored.whole, version] : stored.whole,
    moving: moving === undefined ? stored.moving : [...stored.moving, version],
  };
  const removed = [...all.whole.slice(0, -KEPT_VERSIONS), ...all.moving.slice(0, -KEPT_MOVING)]
    .filter((each) => !inUse.has(each))
    .slice(0, MAX_REMOVED);
  const isKept = (each: number): boolean => !removed.includes(each);
  return { kept: { whole: all.whole.filter(isKept), moving: all.moving.filter(isKept) }, removed };
}

/** The stored versions in which no keys are on their way, in their order. */
export function wholeVersions(pointer: Pointer): readonly number[] {
  return (pointer.kept ?? lastHundred(pointer)).whole;
}

/** What releases store that do not say it. */
function lastHundred({ version }: Pointer): KeptVersions {
  const first = Math.max(1, version - KEPT_VERSIONS + 1);
  return { whole: Array.from({ length: version - first + 1 }, (_, i) => first + i), moving: [] };
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
  readonly change?: number | null | undefined;
  readonly topology: Topology;
  /** Fields that this release does not know. */
  readonly ignored: readonly string[];
}

/** Of ten thousand shards it takes a while: it is done once. */
const storedVersionOf = oncePerObject((entry: Entry): ReadVersion => {
  const { at, change, topology } = parsed(entry, storedSchema);
  return { at, change, ...readFrom(entry, topology) };
});

/** @throws UnreadableEntry */
export function versionOf(name: TopologyName, entry: Entry): ReadVersion {
  return ofCluster(name, entry, storedVersionOf(entry));
}

export function topologyOf(name: TopologyName, entry: Entry): Topology {
  return versionOf(name, entry).topology;
}

const stagedTopologyOf = oncePerObject((entry: Entry) => readFrom(entry, jsonOf(entry)));

/** What a handoff leads to, as it is stored beside the current version. @throws UnreadableEntry */
export function stagedOf(name: TopologyName, entry: Entry): Topology {
  return readStaged(name, entry).topology;
}

/** The same, with the fields that this release does not know. @throws UnreadableEntry */
export function readStaged(name: TopologyName, entry: Entry): Pick<ReadVersion, 'topology' | 'ignored'> {
  return ofCluster(name, entry, stagedTopologyOf(entry));
}

/** A topology that an entry keeps, as this release understands it. @throws UnreadableEntry */
function readFrom(entry: Entry, document: unknown): Pick<ReadVersion, 'topology' | 'ignored'> {
  const { topology, ignored } = readOrRefuse(entry, () => readTopology(document, 'the topology'));
  const { version } = topology;
  if (version === null) throw new UnreadableEntry(entry, 'its topology has no version');
  return { topology: { ...topology, version }, ignored };
}

function ofCluster<Read extends Pick<ReadVersion, 'topology'>>(name: TopologyName, entry: Entry, read: Read): Read {
  const { namespace, name: cluster } = read.topology;
  if (topologyText({ namespace, cluster }) === topologyText(name)) return read;
  throw new UnreadableEntry(entry, `it is not a version of ${topologyText(name)}`);
}

function readOrRefuse(entry: Entry, read: () => ReadTopology): ReadTopology {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw new UnreadableEntry(entry, error.message.replaceAll('\n', '; '), { cause: error });
  }
}
