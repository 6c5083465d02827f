import { stringify } from 'yaml';
import { parseYaml } from '../yaml/index.ts';
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
  return parseYaml(text, file, topologySchema, ({ namespace, cluster, version, ...fields }, report) => ({
    namespace,
    version: (version ?? null) as TopologyVersion | null,
    ...describeCluster(cluster, fields, report),
  }));
}

/** The document that `parseTopology` reads, as plain data. */
export function topologyDocument(topology: Topology | TopologyDraft): object {
  const { namespace, name, version, placement, hashOn, shards, pins } = topology;
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
  };
}

export function topologyYaml(topology: Topology | TopologyDraft): string {
  return stringify(topologyDocument(topology));
}
