import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { z } from 'zod';
import { formatDuration } from '../runtime/quantity.ts';
import { checkDocument, DocumentError, parseYaml, type Report } from '../yaml/index.ts';
import type { ClusterDescription, Moving, Piece } from './cluster-description.ts';
import { describeCluster } from './describe.ts';
import { targetOf } from './moving.ts';
import { storedTopologySchema, topologySchema, WAVES } from './schema.ts';
import { formatSlotRanges } from './slot-ranges.ts';
import type { Topology, TopologyDraft, TopologyVersion } from './topology.ts';

/**
 * Reads a topology as people write it, in YAML or JSON, and checks it as a whole.
 * @param file the name for messages
 * @throws DocumentError naming every fault
 */
export function parseTopology(text: string, file: string): TopologyDraft {
  return parseYaml(text, file, topologySchema, draftOf);
}

/** The JSON schema of a topology as people write it. */
export function topologyJsonSchema(): object {
  return z.toJSONSchema(topologySchema, { io: 'input' });
}

/** The same for a document that a program has written. @param source the name for messages */
export function checkTopology(document: unknown, source: string): TopologyDraft {
  return checkDocument(document, source, storedTopologySchema, draftOf);
}

/** What decides ownership is understood as a whole, or not at all. */
const DECISIVE: ReadonlySet<PropertyKey | undefined> = new Set(['placement', 'pins', 'moving']);

/** A topology that was written by this release, an earlier or a later one. */
export interface ReadTopology {
  readonly topology: TopologyDraft;
  /** Fields that this release does not know, dotted, and has left out. */
  readonly ignored: readonly string[];
}

/**
 * The same for what a registry or a disk keeps: fields that this release does not know are left out, but for those of placement and pins.
 * A writer that adds a field that must not be left out names it in `requires`.
 */
export function readTopology(document: unknown, source: string): ReadTopology {
  try {
    return { topology: checkTopology(document, source), ignored: [] };
  } catch (error) {
    const unknown = unknownIn(document);
    if (!(error instanceof DocumentError) || unknown.length === 0) throw error;
    const known = structuredClone(document);
    for (const path of unknown) leaveOut(known, path);
    return { topology: checkTopology(known, source), ignored: unknown.map((path) => path.join('.')) };
  }
}

/** The fields that may be left out. */
function unknownIn(document: unknown): PropertyKey[][] {
  const { error } = storedTopologySchema.safeParse(document);
  return (error?.issues ?? []).flatMap((issue) =>
    issue.code === 'unrecognized_keys' && !DECISIVE.has(issue.path[0])
      ? issue.keys.map((key) => [...issue.path, key])
      : [],
  );
}

function leaveOut(document: unknown, path: readonly PropertyKey[]): void {
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown>)[step], document);
  delete (holder as Record<PropertyKey, unknown>)[path.at(-1) as PropertyKey];
}

type Document = z.output<typeof storedTopologySchema>;

function draftOf({ cluster, version, ...document }: Document, report: Report): TopologyDraft {
  const { namespace, consistency, failover, waves, moving, requires: _requires, ...fields } = document;
  const described = describeCluster(cluster, fields, report);
  return {
    namespace,
    version: (version ?? null) as TopologyVersion | null,
    ...described,
    ...(consistency === 'eventual' ? { consistency } : {}),
    ...(failover === undefined ? {} : { failover }),
    ...(waves === undefined ? {} : { waves }),
    ...(moving === undefined ? {} : { moving: movingOf(described, fields.shards, moving, report) }),
  };
}

function movingOf(
  { name }: ClusterDescription,
  shards: Document['shards'],
  { since, cursor, rest }: NonNullable<Document['moving']>,
  report: Report,
): Moving {
  const known = new Map(shards.map((shard) => [shard.id, shard]));
  let from = cursor;
  const pieces = rest.map(({ until, ...fields }, i): Piece => {
    const path = ['moving', 'rest', i];
    if (until <= from) report([...path, 'until'], `${until} is not beyond ${from}, where the piece before it ends`);
    from = until;
    const full = fields.shards.flatMap((shard, j) => {
      const found = typeof shard === 'string' ? known.get(shard) : shard;
      if (found === undefined) report([...path, 'shards', j], `there is no shard ${shard}`);
      return found ?? [];
    });
    const { name: _name, ...piece } = describeCluster(name, { ...fields, shards: full }, (place, message) =>
      report([...path, ...place], message),
    );
    return { until, ...piece };
  });
  if (from !== 1) report(['moving', 'rest'], `the last piece ends at ${from}, not at 1`);
  return { since, cursor, rest: pieces };
}

/** A topology as a registry keeps it, which `readTopology` and `checkTopology` read. */
export function topologyDocument(topology: Topology | TopologyDraft): object {
  const { namespace, name, version, consistency, failover, waves, moving } = topology;
  return {
    namespace,
    cluster: name,
    ...(version === null ? {} : { version }),
    ...ownersDocument(topology),
    ...(consistency === undefined ? {} : { consistency }),
    ...(failover === undefined ? {} : { failover }),
    ...(waves === undefined ? {} : { waves }),
    // What does not know it would send keys to shards that do not own them yet.
    ...(moving === undefined ? {} : { moving: movingDocument(topology, moving), requires: [WAVES] }),
  };
}

function ownersDocument({ placement, hashOn, shards, pins }: Omit<ClusterDescription, 'name'>) {
  return {
    placement: { [placement.name]: placement.options },
    hashOn,
    shards: shards.map(({ slots, ...shard }) =>
      slots === undefined ? shard : { ...shard, slots: formatSlotRanges(slots) },
    ),
    ...(pins === undefined ? {} : { pins }),
  };
}

/** A store takes no entry of any size: of ten thousand shards most are the same before and after. */
function movingDocument({ shards }: ClusterDescription, { since, cursor, rest }: Moving): object {
  const known = new Map(shards.map((shard) => [shard.id, shard]));
  const pieces = rest.map(({ until, ...piece }) => {
    const document = ownersDocument(piece);
    const named = document.shards.map((shard, i) =>
      isDeepStrictEqual(known.get(shard.id), piece.shards[i]) ? shard.id : shard,
    );
    return { until, ...document, shards: named };
  });
  return { since, cursor, rest: pieces };
}

/** A topology as people write it, which `parseTopology` reads, as plain data: while keys move, what it becomes. */
export function writtenTopology(topology: Topology | TopologyDraft): object {
  const { failover, waves } = topology;
  return {
    ...topologyDocument(targetOf(topology)),
    ...(failover && { failover: { after: formatDuration(failover.afterMs) } }),
    ...(waves && { waves: { streams: waves.streams, pause: formatDuration(waves.pauseMs) } }),
  };
}

export function topologyYaml(topology: Topology | TopologyDraft): string {
  return stringify(writtenTopology(topology));
}
