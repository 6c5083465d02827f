import { SLOT_COUNT } from '../../../placement/index.ts';
import { type HostPort, splitAddress } from '../../../runtime/address.ts';
import { derivedNodeId, type SlotRange } from '../../../topology/index.ts';
import type { RedisEntry } from '../entry.ts';
import type { RedisOwners } from '../redis-owners.ts';

/** A node as clients are told of it. */
export interface AnnouncedNode extends HostPort {
  readonly id: string;
  /** The primary that it follows; null: it is one. */
  readonly follows: string | null;
  /** In their order; none of a replica, or of a router beside the servers. */
  readonly slots: readonly SlotRange[];
}

/** The cluster that clients are told of. */
export interface Layout {
  /** The node that the client is connected to. */
  readonly self: AnnouncedNode;
  /** All of them, each primary before its replicas. */
  readonly nodes: readonly AnnouncedNode[];
  /** Slots that have an owner. */
  readonly ownedSlots: number;
  /** The topology's version; 0 where it has none. */
  readonly epoch: number;
}

/** The layout of one version, by the address that its clients have come to. */
const made = new WeakMap<RedisOwners, Map<RedisEntry, Map<string, Layout>>>();

/** What clients of an address are told of a cluster; made once for each version. */
export function layoutOf(entry: RedisEntry, owners: RedisOwners, localAddress: string): Layout {
  const byEntry = made.get(owners) ?? new Map<RedisEntry, Map<string, Layout>>();
  made.set(owners, byEntry);
  const layouts = byEntry.get(entry) ?? new Map<string, Layout>();
  byEntry.set(entry, layouts);
  const known = layouts.get(localAddress);
  if (known !== undefined) return known;
  const layout =
    entry.mode === 'routers' ? ofRouters(entry, owners, localAddress) : ofServers(entry, owners, localAddress);
  layouts.set(localAddress, layout);
  return layout;
}

/** Where this router is reached: as it announces itself, or where the client has come to. */
function ownAddresses({ description }: RedisEntry, localAddress: string): readonly string[] {
  const { announce = [] } = description;
  return announce.length > 0 ? announce : [localAddress];
}

/** A router's node: its id follows from its address, so that all routers have the same for it. */
function routerNode(cluster: string, address: string, slots: readonly SlotRange[]): AnnouncedNode {
  return { ...splitAddress(address), id: derivedNodeId(cluster, address), follows: null, slots };
}

/** The servers, and the router as a node that owns nothing, as one that has just joined: a node's answers name the node itself. */
function ofServers(entry: RedisEntry, owners: RedisOwners, localAddress: string): Layout {
  const slots = slotsByShard(owners);
  const nodes = (owners.table?.nodes() ?? []).map(
    ({ id, address, shard, follows }): AnnouncedNode => ({
      ...splitAddress(address),
      id,
      follows,
      slots: follows === null ? (slots.get(shard) ?? []) : [],
    }),
  );
  const own = ownAddresses(entry, localAddress).map((address) => routerNode(owners.name, address, []));
  return {
    self: own[0] as AnnouncedNode,
    nodes: [...own, ...nodes],
    ownedSlots: count([...slots.values()].flat()),
    epoch: owners.version ?? 0,
  };
}

/** What each shard owns, by its id. */
function slotsByShard(owners: RedisOwners): Map<string, SlotRange[]> {
  const { table } = owners;
  const bySlot = table?.partition().owners ?? [];
  const ranges = new Map<string, SlotRange[]>();
  for (let first = 0; first < bySlot.length; ) {
    const owner = bySlot[first] as number;
    let next = first + 1;
    while (next < bySlot.length && bySlot[next] === owner) next++;
    if (owner >= 0) {
      const id = owners.idOf(owner);
      ranges.set(id, [...(ranges.get(id) ?? []), [first, next - 1]]);
    }
    first = next;
  }
  return ranges;
}

/** The routers, each with the same number of slots. Any of them serves any key: the slots only divide the clients' connections. */
function ofRouters(entry: RedisEntry, owners: RedisOwners, localAddress: string): Layout {
  const own = ownAddresses(entry, localAddress);
  const addresses = [...new Set([...own, ...entry.otherRouters])].sort();
  const nodes = addresses.map((address, i) => {
    const [first, next] = [i, i + 1].map((place) => Math.floor((place * SLOT_COUNT) / addresses.length)) as [
      number,
      number,
    ];
    return routerNode(owners.name, address, [[first, next - 1]]);
  });
  const here = addresses.indexOf(localAddress);
  const self = nodes[here < 0 ? addresses.indexOf(own[0] as string) : here] as AnnouncedNode;
  return { self, nodes, ownedSlots: SLOT_COUNT, epoch: owners.version ?? 0 };
}

function count(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
