import { stringify } from 'yaml';
import { z } from 'zod';
import { formatDuration } from '../runtime/quantity.ts';
import { checkDocument, parseYaml, type Report } from '../yaml/index.ts';
import { describeCluster } from './describe.ts';
import { storedTopologySchema, topologySchema } from './schema.ts';
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
const DECISIVE: ReadonlySet<PropertyKey | undefined> = new Set(['placement', 'pins']);

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
  const parsed = storedTopologySchema.safeParse(document);
  const unknown = (parsed.error?.issues ?? []).flatMap((issue) =>
    issue.code === 'unrecognized_keys' && !DECISIVE.has(issue.path[0])
      ? issue.keys.map((key) => [...issue.path, key])
      : [],
  );
  const known = unknown.length === 0 ? document : structuredClone(document);
  for (const path of unknown) leaveOut(known, path);
  return { topology: checkTopology(known, source), ignored: unknown.map((path) => path.join('.')) };
}

function leaveOut(document: unknown, path: readonly PropertyKey[]): void {
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((value, step) => (value as Record<PropertyKey, unknown>)[step], document);
  delete (holder as Record<PropertyKey, unknown>)[path.at(-1) as PropertyKey];
}

function draftOf(
  {
    namespace,
    cluster,
    version,
    consistency,
    failover,
    requires: _requires,
    ...fields
  }: z.output<typeof topologySchema>,
  report: Report,
): TopologyDraft {
  return {
    namespace,
    version: (version ?? null) as TopologyVersion | null,
    ...describeCluster(cluster, fields, report),
    ...(consistency === 'eventual' ? { consistency } : {}),
    ...(failover === undefined ? {} : { failover }),
  };
}

/** A topology as a registry keeps it, which `readTopology` and `checkTopology` read. */
export function topologyDocument(topology: Topology | TopologyDraft): object {
  const { namespace, name, version, placement, hashOn, shards, pins, consistency, failover } = topology;
  return {
    namespace,
    cluster: name,
    ...(version === null ? {} : { version }),
    placement: { [placement.name]: placement.options },
    hashOn,
    shards: shards.map(({ slots, ...shard }) =>
      slots === undefined ? shard : { ...shard, slots: formatSlotRanges(slots) },
    ),
    ...(pins === undefined ? {} : { pins }),
    ...(consistency === undefined ? {} : { consistency }),
    ...(failover === undefined ? {} : { failover }),
  };
}

/** A topology as people write it, which `parseTopology` reads, as plain data. */
export function writtenTopology(topology: Topology | TopologyDraft): object {
  const { failover } = topology;
  const written = failover && { failover: { after: formatDuration(failover.afterMs) } };
  return { ...topologyDocument(topology), ...written };
}

export function topologyYaml(topology: Topology | TopologyDraft): string {
  return stringify(writtenTopology(topology));
}
