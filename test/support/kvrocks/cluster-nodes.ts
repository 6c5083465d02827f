import { SLOT_COUNT } from '../../../src/placement/index.ts';
import type { SlotRange } from '../../../src/topology/index.ts';
import { KvrocksError } from './kvrocks-error.ts';

export const NODE_ID_LENGTH = 40;

/** A node as a topology has it. */
export interface KnownNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Null: it is a master. */
  readonly masterId: string | null;
  /** The slots that it imports; each topology has a new object, which does not know of them. */
  importing: SlotRange | null;
}

/** What CLUSTERX SETNODES says. */
export interface GivenTopology {
  readonly nodes: ReadonlyMap<string, KnownNode>;
  readonly owners: ReadonlyMap<number, string>;
}

/**
 * The lines of SETNODES: `$node_id $host $port $role $master_node_id $slot_range` (cluster.cc, parseClusterNodes).
 * @throws KvrocksError in Kvrocks' words
 */
export function parseNodes(text: string): GivenTopology {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0) throw new KvrocksError('Invalid cluster nodes info');
  const nodes = new Map<string, KnownNode>();
  const owners = new Map<number, string>();
  for (const line of lines) {
    const [id, host, port, role, masterId, ...slots] = line.split(' ').filter((word) => word !== '');
    if (id === undefined || host === undefined || port === undefined || role === undefined || masterId === undefined)
      throw new KvrocksError('Invalid cluster nodes info');
    if (id.length !== NODE_ID_LENGTH) throw new KvrocksError('Invalid cluster node id');
    if (!/^\d+$/.test(port) || Number(port) > 65535) throw new KvrocksError('Invalid cluster node port');
    const isMaster = role.toLowerCase() === 'master';
    if (!isMaster && !['slave', 'replica'].includes(role.toLowerCase()))
      throw new KvrocksError('Invalid cluster node role');
    if (isMaster ? masterId !== '-' : masterId.length !== NODE_ID_LENGTH)
      throw new KvrocksError('Invalid cluster node id');
    if (!isMaster && slots.length > 0) throw new KvrocksError('Invalid cluster nodes info');
    for (const word of slots) give(word, id, owners);
    nodes.set(id, { id, host, port: Number(port), masterId: isMaster ? null : masterId, importing: null });
  }
  return { nodes, owners };
}

function give(word: string, id: string, owners: Map<number, string>): void {
  const bounds = word.split('-');
  if (bounds.length === 1 && /^[a-fA-F0-9]{40}$/.test(word))
    throw new KvrocksError('Invalid nodes definition: Missing newline between node entries.');
  const [first, last = first] = bounds.map((bound) => (/^\d+$/.test(bound) ? Number(bound) : Number.NaN));
  const isRange = bounds.length === 1 || (bounds.length === 2 && Number(first) < Number(last));
  if (!isRange || !(Number(first) >= 0 && Number(last) < SLOT_COUNT)) throw new KvrocksError('Slot is out of range');
  for (let slot = Number(first); slot <= Number(last); slot++) {
    if (owners.has(slot)) throw new KvrocksError('Slot distribution is overlapped');
    owners.set(slot, id);
  }
}
