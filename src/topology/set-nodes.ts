import { splitAddress } from '../runtime/address.ts';
import { DocumentError } from '../yaml/index.ts';
import { Cluster } from './cluster.ts';
import type { ClusterDescription, Shard } from './cluster-description.ts';
import { NODE_ID, type NodeId } from './node-id.ts';
import { successorIds } from './shard-successors.ts';
import { formatSlotRanges, parseSlotRanges, type SlotRange, slotFault } from './slot-ranges.ts';
import { nodesOf, primaryId } from './topology.ts';

const ROLES = ['master', 'slave'] as const;

/**
 * The line form of `CLUSTERX SETNODES` (Kvrocks, "Cluster"): a line for each node,
 * `$node_id $ip $port $role $master_node_id $slot_range`. It holds nodes, addresses, roles and slots, and nothing else.
 * @throws RangeError where the cluster is not placed by slots
 */
export function setNodesText(cluster: ClusterDescription): string {
  if (cluster.placement.name !== 'slots')
    throw new RangeError(`the line form is for slots, and ${cluster.name} is placed by ${cluster.placement.name}`);
  const slots = slotsOf(cluster);
  const lines = nodesOf(cluster).map(({ id, shard, address, follows }) => {
    const { host, port } = splitAddress(address);
    const place = `${id} ${host} ${port}`;
    if (follows !== null) return `${place} slave ${follows}`;
    return `${place} master - ${formatSlotRanges(slots.get(shard) ?? [])}`.trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

/** What each shard owns, also where the slots are divided evenly and not written down. */
function slotsOf(description: ClusterDescription): Map<string, SlotRange[]> {
  const { owners } = new Cluster(description).partition();
  const ranges = new Map<string, SlotRange[]>();
  let first = 0;
  for (let slot = 1; slot <= owners.length; slot++) {
    if (slot < owners.length && owners[slot] === owners[first]) continue;
    const shard = description.shards[owners[first] as number];
    if (shard !== undefined) ranges.set(shard.id, [...(ranges.get(shard.id) ?? []), [first, slot - 1]]);
    first = slot;
  }
  return ranges;
}

interface Line {
  readonly number: number;
  readonly id: NodeId;
  readonly address: string;
  readonly master: string | null;
  readonly slots: readonly SlotRange[];
}

/**
 * Reads the line form. A shard has the id of its primary, or the one that it has in `known`, also where a replica has taken over, with what the
 * line form does not hold.
 * @throws DocumentError naming every fault
 */
export function parseSetNodes(
  text: string,
  file: string,
  name: string,
  known: ClusterDescription | null = null,
): ClusterDescription {
  const faults: Array<{ line: number; message: string }> = [];
  const lines = text
    .split(/\r?\n|\\n/)
    .map((line, i) => ({ number: i + 1, words: line.trim().split(/\s+/) }))
    .filter(({ words }) => words[0] !== '')
    .flatMap(({ number, words }) => {
      const parsed = parseLine(number, words);
      if (typeof parsed !== 'string') return [parsed];
      faults.push({ line: number, message: parsed });
      return [];
    });
  faults.push(...faultsOf(lines));
  if (lines.length === 0 && faults.length === 0) faults.push({ line: 1, message: 'there is no node in it' });
  const primaries = lines.filter(({ master }) => master === null);
  const shards = shardsOf(primaries, lines, name, known);
  const wrong = faults.length > 0 ? null : slotFault(shards.map(({ id, slots = [] }) => ({ id, slots })));
  if (wrong !== null) faults.push({ line: 1, message: wrong });
  if (faults.length > 0) {
    const placed = faults.sort((a, b) => a.line - b.line).map((fault) => ({ ...fault, file, column: 1, path: '' }));
    throw new DocumentError(placed);
  }
  return {
    name,
    placement: { name: 'slots', options: {} },
    hashOn: known?.hashOn ?? 'id',
    shards,
    ...(known?.pins === undefined ? {} : { pins: known.pins }),
  };
}

function parseLine(number: number, words: readonly string[]): Line | string {
  const [id = '', ip = '', port = '', role = '', master = '', ...ranges] = words;
  if (!NODE_ID.test(id)) return `"${id}" is not a node id: write 40 letters and digits`;
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65535) return `"${port}" is not a port`;
  if (role !== ROLES[0] && role !== ROLES[1]) return `"${role}" is not a role; write ${ROLES.join(' or ')}`;
  const address = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
  const slots = parseSlotRanges(ranges.join(' '));
  if (typeof slots === 'string') return slots;
  if (role === ROLES[0]) {
    if (master !== '-') return `a master follows no other node: write - in place of "${master}"`;
    return { number, id: id as NodeId, address, master: null, slots };
  }
  if (!NODE_ID.test(master)) return `"${master}" is not a node id: a slave names its master`;
  if (slots.length > 0) return 'a slave has no slots of its own';
  return { number, id: id as NodeId, address, master, slots };
}

function faultsOf(lines: readonly Line[]): Array<{ line: number; message: string }> {
  const primaries = new Set(lines.filter(({ master }) => master === null).map(({ id }) => id as string));
  const seen = new Set<string>();
  return lines.flatMap(({ number, id, master }) => {
    const faults = [];
    if (seen.has(id)) faults.push({ line: number, message: `the node ${id} appears more than once` });
    seen.add(id);
    if (master !== null && !primaries.has(master))
      faults.push({ line: number, message: `${id} is a replica of ${master}, which does not exist` });
    return faults;
  });
}

function shardsOf(
  primaries: readonly Line[],
  lines: readonly Line[],
  cluster: string,
  known: ClusterDescription | null,
): Shard[] {
  const following = Map.groupBy(lines, ({ master }) => master);
  const replicasOf = ({ id }: Line) =>
    (following.get(id) ?? []).map((line) => ({ id: line.id, address: line.address }));
  const leading = primaries.map((line) => ({ id: line.id, followers: replicasOf(line).map(({ id }) => id) }));
  const before = (known?.shards ?? []).map((shard) => ({
    id: shard.id,
    primary: primaryId(cluster, shard),
    replicas: (shard.replicas ?? []).map(({ id }) => id),
  }));
  return successorIds(leading, before).map((shardId, i): Shard => {
    const line = primaries[i] as Line;
    const { id, address, slots } = line;
    const shard = known?.shards.find((each) => each.id === shardId) ?? null;
    const { replicas: _, ...same } = shard ?? { id: shardId, weight: 1 };
    const isSamePrimary = shard !== null && primaryId(cluster, shard) === id;
    const led = isSamePrimary ? {} : { nodeId: id };
    const replicas = replicasOf(line);
    return { ...same, ...led, address, slots, ...(replicas.length > 0 ? { replicas } : {}) };
  });
}
