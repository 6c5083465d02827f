import { SLOT_COUNT } from '../../../placement/index.ts';
import { type Reply, textOf } from '../../../resp/index.ts';
import { addressText } from '../../../runtime/address.ts';
import { nodeId, type SlotRange } from '../../../topology/index.ts';
import { hostOr } from './cluster-nodes.ts';
import type { NodeView, SeenNode } from './node-view.ts';

/** A node of which an answer has several parts. */
interface Gathered {
  readonly address: string;
  readonly follows: string | null;
  readonly isFailing: boolean;
  readonly slots: SlotRange[];
}

/**
 * Reads CLUSTER SLOTS: `[first, last, [endpoint, port, id, metadata], replica…]` for each range. The endpoint is what the server wants clients to
 * take, and what MOVED names: an address, or a name, or null for the host where it was asked.
 */
export function readClusterSlots(reply: Reply, asked: string, askedHost: string): NodeView {
  const nodes = new Map<string, Gathered>();
  const faults: string[] = [];
  for (const entry of itemsOf(reply)) {
    const [first, last, ...places] = itemsOf(entry);
    const range = rangeOf(first, last);
    const [primary, ...replicas] = places.map((place) => placeOf(place, askedHost));
    if (range === null || primary == null) {
      faults.push('an entry of CLUSTER SLOTS without a range or a node');
      continue;
    }
    const known = nodes.get(primary.id) ?? { address: primary.address, follows: null, isFailing: false, slots: [] };
    known.slots.push(range);
    nodes.set(primary.id, known);
    for (const replica of replicas)
      if (replica !== null && !nodes.has(replica.id))
        nodes.set(replica.id, { address: replica.address, follows: primary.id, isFailing: false, slots: [] });
  }
  return { asked, self: null, nodes: seen(nodes), faults };
}

function placeOf(place: Reply, askedHost: string): { readonly id: string; readonly address: string } | null {
  const [endpoint, port, id, metadata] = itemsOf(place);
  const name = id === undefined ? null : textOf(id);
  const number = portOf(port);
  if (name === null || !nodeId.safeParse(name).success || number === null) return null;
  const given = endpoint === undefined ? null : textOf(endpoint);
  // `?`: the node has no name, where names are to be told. Its address stands behind then.
  const host = given === '?' ? textIn(metadata, 'ip') : given;
  return { id: name, address: addressText({ host: hostOr(host ?? '', askedHost), port: number }) };
}

/** Reads CLUSTER SHARDS (Redis 7): for each shard its slots, first and last in turn, and its nodes with role and health. */
export function readClusterShards(reply: Reply, asked: string, askedHost: string, byTls: boolean): NodeView {
  const nodes = new Map<string, Gathered>();
  const faults: string[] = [];
  for (const shard of itemsOf(reply)) {
    const numbers = itemsOf(fieldOf(shard, 'slots')).map(integerOf);
    const slots = numbers.flatMap((first, i) => {
      const last = numbers[i + 1];
      return i % 2 === 0 && first !== null && last != null && isRange(first, last) ? [[first, last] as const] : [];
    });
    const members = itemsOf(fieldOf(shard, 'nodes')).flatMap((node) => {
      const read = memberOf(node, askedHost, byTls);
      if (read === null) faults.push('a node of CLUSTER SHARDS without an id, a port or a role');
      return read ?? [];
    });
    const primary = members.find(({ isPrimary, isFailing }) => isPrimary && !isFailing) ?? members.find(isPrimaryNode);
    if (primary === undefined) {
      faults.push('a shard of CLUSTER SHARDS without a master');
      continue;
    }
    for (const { id, address, isFailing } of members)
      nodes.set(id, {
        address,
        isFailing,
        follows: id === primary.id ? null : primary.id,
        slots: id === primary.id ? slots : [],
      });
  }
  return { asked, self: null, nodes: seen(nodes), faults };
}

interface Member {
  readonly id: string;
  readonly address: string;
  readonly isPrimary: boolean;
  readonly isFailing: boolean;
}

function isPrimaryNode({ isPrimary }: Member): boolean {
  return isPrimary;
}

function memberOf(node: Reply, askedHost: string, byTls: boolean): Member | null {
  const text = (name: string): string | null => textIn(node, name);
  const port = (byTls ? portOf(fieldOf(node, 'tls-port')) : null) ?? portOf(fieldOf(node, 'port'));
  const [id, role, endpoint] = [text('id'), text('role'), text('endpoint')];
  if (id === null || !nodeId.safeParse(id).success || port === null || role === null) return null;
  const host = endpoint === null || endpoint === '?' ? text('ip') : endpoint;
  return {
    id,
    address: addressText({ host: hostOr(host ?? '', askedHost), port }),
    isPrimary: role === 'master' || role === 'primary',
    isFailing: text('health') === 'fail',
  };
}

function seen(nodes: ReadonlyMap<string, Gathered>): SeenNode[] {
  return [...nodes].map(([id, node]) => ({ id, ...node, epoch: 0 }));
}

/** The elements of an array; none where it is no array. */
function itemsOf(reply: Reply | undefined): readonly Reply[] {
  if (reply?.type === 'map') return reply.entries.flat();
  return reply !== undefined && 'items' in reply ? reply.items : [];
}

/** A field of a map; in RESP2 names and values stand in turn. */
function fieldOf(reply: Reply | undefined, name: string): Reply | undefined {
  const items = itemsOf(reply);
  return items[items.findIndex((item, i) => i % 2 === 0 && textOf(item) === name) + 1 || items.length];
}

function textIn(reply: Reply | undefined, name: string): string | null {
  const field = fieldOf(reply, name);
  return field === undefined ? null : textOf(field);
}

function integerOf(reply: Reply | undefined): number | null {
  return reply?.type === 'integer' ? Number(reply.value) : null;
}

/** A port that one can connect to. */
function portOf(reply: Reply | undefined): number | null {
  const port = integerOf(reply);
  return port !== null && port >= 1 && port <= 65535 ? port : null;
}

function rangeOf(first: Reply | undefined, last: Reply | undefined): SlotRange | null {
  const [from, to] = [integerOf(first), integerOf(last)];
  return from !== null && to !== null && isRange(from, to) ? [from, to] : null;
}

function isRange(first: number, last: number): boolean {
  return 0 <= first && first <= last && last < SLOT_COUNT;
}
