import { stringify } from 'yaml';
import type { z } from 'zod';
import { checkDocument, parseYaml, type Report } from '../yaml/index.ts';
import { describeCluster } from './describe.ts';
import { topologySchema } from './schema.ts';
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

/** The same for a document that a program has written. @param source the name for messages */
export function checkTopology(document: unknown, source: string): TopologyDraft {
  return checkDocument(document, source, topologySchema, draftOf);
}

function draftOf(
  { namespace, cluster, version, consistency, failover, ...fields }: z.output<typeof topologySchema>,
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

/** The document that `parseTopology` reads, as plain data. */
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

export function topologyYaml(topology: Topology | TopologyDraft): string {
  return stringify(topologyDocument(topology));
}
