import type { PlacementName } from '../placement/index.ts';
import type { Report } from '../yaml/index.ts';
import { hashKeyOf } from './cluster.ts';
import type { ClusterDescription, PlacementChoice, Shard } from './cluster-description.ts';
import { derivedNodeId, type NodeId } from './node-id.ts';
import { type Pin, pinName } from './pins.ts';
import type { ClusterFields } from './schema.ts';
import { parseSlotRanges, slotFault } from './slot-ranges.ts';

/**
 * Makes a cluster of what a document says of it, and checks it as a whole: what no schema can find is passed to
 * `report`, with the path from the cluster's own place.
 */
export function describeCluster(name: string, fields: ClusterFields, report: Report): ClusterDescription {
  const placement = placementOf(fields.placement);
  const shards = fields.shards.map((shard, i) => describeShard(shard, i, placement.name, report));
  const pins = fields.pins.map(
    ({ key, prefix, shard }): Pin => (key !== undefined ? { key, shard } : { prefix: prefix as string, shard }),
  );
  const cluster = { name, placement, hashOn: fields.hashOn, shards, ...(pins.length > 0 ? { pins } : {}) };
  checkShards(cluster, report);
  checkSlots(cluster, report);
  checkPins(cluster, report);
  return cluster;
}

function placementOf(choice: ClusterFields['placement']): PlacementChoice {
  const [entry] = Object.entries(choice).filter(([, options]) => options !== undefined);
  const [name, options] = entry as [PlacementName, Record<string, unknown>];
  return { name, options };
}

function describeShard(
  { id, address, hostname, weight, nodeId, replicas, slots }: ClusterFields['shards'][number],
  i: number,
  placement: PlacementName,
  report: Report,
): Shard {
  const parsed = slots === undefined ? undefined : parseSlotRanges(slots);
  if (typeof parsed === 'string') report(['shards', i, 'slots'], parsed);
  if (parsed !== undefined && placement !== 'slots')
    report(['shards', i, 'slots'], `slots need the slots placement, and this is ${placement}`);
  return {
    id,
    address,
    weight,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeId === undefined ? {} : { nodeId: nodeId as NodeId }),
    ...(replicas === undefined || replicas.length === 0
      ? {}
      : { replicas: replicas.map((each) => ({ id: each.id as NodeId, address: each.address })) }),
    ...(parsed === undefined || typeof parsed === 'string' ? {} : { slots: parsed }),
  };
}

/** Ids of shards, ids of nodes, and what is hashed for a shard: each stands for one alone. */
function checkShards({ name, shards, hashOn }: ClusterDescription, report: Report): void {
  const ids = new Set<string>();
  const nodes = new Set<string>();
  const hashed = new Map<string, string>();
  shards.forEach((shard, i) => {
    const { id, nodeId, replicas = [] } = shard;
    if (ids.has(id)) {
      // What is derived from its id stands twice for that reason alone.
      report(['shards', i, 'id'], `${id} appears more than once; ids are unique in a cluster`);
      return;
    }
    ids.add(id);
    const hashKey = hashKeyOf(shard, hashOn);
    const other = hashed.get(hashKey);
    if (other !== undefined) {
      const path = ['shards', i, shard[hashOn] === undefined ? 'address' : hashOn];
      report(
        path,
        `${hashKey} is the ${hashOn} of ${other} too, and hashOn is ${hashOn}; give each shard its own, or hash on the id`,
      );
    }
    hashed.set(hashKey, id);
    const own = [
      { path: ['shards', i, 'nodeId'], node: nodeId ?? derivedNodeId(name, id) },
      ...replicas.map((replica, j) => ({ path: ['shards', i, 'replicas', j, 'id'], node: replica.id })),
    ];
    for (const { path, node } of own) {
      if (nodes.has(node))
        report(path, `the node ${node} appears more than once; ids of nodes are unique in a cluster`);
      nodes.add(node);
    }
  });
}

function checkSlots({ placement, shards }: ClusterDescription, report: Report): void {
  if (placement.name !== 'slots' || shards.every((shard) => shard.slots === undefined)) return;
  const fault = slotFault(shards.map(({ id, slots }) => ({ id, slots: slots ?? [] })));
  if (fault !== null) report(['shards'], fault);
}

function checkPins({ pins = [], shards }: ClusterDescription, report: Report): void {
  const seen = new Set<string>();
  pins.forEach((pin, i) => {
    if (!shards.some(({ id }) => id === pin.shard))
      report(
        ['pins', i, 'shard'],
        `there is no shard ${pin.shard}; there are ${shards.map(({ id }) => id).join(', ')}`,
      );
    if (seen.has(pinName(pin))) report(['pins', i], `${pinName(pin)} is pinned more than once`);
    seen.add(pinName(pin));
  });
}
