import { readClusterNodes } from '../../../discovery/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { NodeState, ReplicaLink } from '../../engine.ts';

/** Reads the lines `name:value` of INFO and CLUSTER INFO. */
export function fieldsOf(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf(':');
    if (at > 0 && !line.startsWith('#')) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}

/** What a node says in CLUSTER NODES of itself. */
export interface OwnLine extends Pick<NodeState, 'role' | 'follows' | 'slots' | 'epoch'> {
  readonly id: string;
}

/** Flags stand third; a node of a large cluster need not read what the others are. */
const OWN_LINE = /^\S+ \S+ \S*\bmyself\b.*$/m;

/** @returns null where it does not say */
export function readOwnLine(text: string, address: string): OwnLine | null {
  const { host } = splitAddress(address);
  const { self, nodes } = readClusterNodes(OWN_LINE.exec(text)?.[0] ?? '', address, { host, ip: host });
  const own = nodes.find(({ id }) => id === self);
  if (own === undefined) return null;
  const { id, follows, slots, epoch } = own;
  return { id, follows, slots, epoch, role: follows === null ? 'primary' : 'replica' };
}

const numberOf = (fields: ReadonlyMap<string, string>, name: string): number | null => {
  const value = Number(fields.get(name) ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
};

/**
 * @param replication INFO replication
 * @param cluster CLUSTER INFO
 */
export function readState(
  own: OwnLine,
  replication: ReadonlyMap<string, string>,
  cluster: ReadonlyMap<string, string>,
): NodeState {
  const { id: _id, ...claims } = own;
  const { role } = claims;
  // What is measured of a replica is what it has received; as a primary of its own replicas it counts on from there.
  const offset = numberOf(replication, role === 'primary' ? 'master_repl_offset' : 'slave_repl_offset') ?? 0;
  const isClusterOk = cluster.get('cluster_state') === 'ok';
  return { ...claims, offset, isClusterOk, link: role === 'primary' ? null : linkOf(replication) };
}

/** A count of seconds; a negative one stands for never. */
function sinceMs(fields: ReadonlyMap<string, string>, name: string): number | null {
  const seconds = numberOf(fields, name);
  return seconds === null || seconds < 0 ? null : seconds * 1000;
}

function linkOf(fields: ReadonlyMap<string, string>): ReplicaLink {
  const isUp = fields.get('master_link_status') === 'up';
  return {
    downMs: isUp ? 0 : (sinceMs(fields, 'master_link_down_since_seconds') ?? Number.POSITIVE_INFINITY),
    heardAgoMs: sinceMs(fields, 'master_last_io_seconds_ago'),
    isSyncing: fields.get('master_sync_in_progress') === '1',
  };
}
