import { SLOT_COUNT } from '../../../placement/index.ts';
import { type Reply, textOf } from '../../../resp/index.ts';
import { addressText } from '../../../runtime/address.ts';
import { nodeId, type SlotRange } from '../../../topology/index.ts';
import type { NodeView } from './node-view.ts';
import { hostTold, type Reached } from './told-host.ts';
import { ViewBuilder } from './view-builder.ts';

/**
 * Reads CLUSTER SLOTS: `[first, last, [endpoint, port, id, metadata], replica…]` for each range. The endpoint is what the server wants clients to
 * take, and what MOVED names: an address, or a name, or null for the host where it was asked.
 */
export function readClusterSlots(reply: Reply, asked: string, reached: Reached): NodeView {
  const view = new ViewBuilder();
  for (const entry of itemsOf(reply)) {
    const [first, last, ...places] = itemsOf(entry);
    const range = rangeOf(first, last);
    const [primary, ...replicas] = places.slice(0, MAX_PLACES).map((place) => placeOf(place, reached));
    if (range === null || primary == null) {
      view.fault('an entry of CLUSTER SLOTS without a range or a node that can be reached');
      continue;
    }
    if (!view.set({ ...primary, ...WELL, follows: null })) break;
    view.give(primary.id, [range]);
    for (const replica of replicas)
      if (replica !== null && !view.has(replica.id)) view.set({ ...replica, ...WELL, follows: primary.id });
  }
  return view.view(asked, null);
}

/** No shard has more nodes. */
const MAX_PLACES = 256;
/** What an answer without health and epochs says of a node. */
const WELL = { isFailing: false, epoch: 0 } as const;

function placeOf(place: Reply, reached: Reached): { readonly id: string; readonly address: string } | null {
  const [endpoint, port, id, metadata] = itemsOf(place);
  const name = id === undefined ? null : textOf(id);
  const number = portOf(port);
  if (name === null || !nodeId.safeParse(name).success || number === null) return null;
  const given = endpoint === undefined ? null : textOf(endpoint);
  // `?`: the node has no name, where names are to be told. Its address stands behind then.
  const host = endpointHost(given === '?' ? textIn(metadata, 'ip') : given, reached);
  return host === null ? null : { id: name, address: addressText({ host, port: number }) };
}

/** A server that has no endpoint to tell has its clients take the host where they have asked. */
function endpointHost(given: string | null, reached: Reached): string | null {
  return given === null || given === '' ? reached.host : hostTold(given, false, reached);
}

/** Reads CLUSTER SHARDS (Redis 7): for each shard its slots, first and last in turn, and its nodes with role and health. */
export function readClusterShards(reply: Reply, asked: string, reached: Reached, byTls: boolean): NodeView {
  const view = new ViewBuilder();
  for (const shard of itemsOf(reply)) {
    const members = itemsOf(fieldOf(shard, 'nodes'))
      .slice(0, MAX_PLACES)
      .flatMap((node) => {
        const read = memberOf(node, reached, byTls);
        if (read === null)
          view.fault('a node of CLUSTER SHARDS without an id, a role or an address that can be reached');
        return read ?? [];
      });
    const primary = members.find(({ isPrimary, isFailing }) => isPrimary && !isFailing) ?? members.find(isPrimaryNode);
    if (primary === undefined) {
      view.fault('a shard of CLUSTER SHARDS without a master');
      continue;
    }
    for (const { id, address, isFailing } of members)
      view.set({ id, address, isFailing, epoch: 0, follows: id === primary.id ? null : primary.id });
    view.give(primary.id, slotsIn(fieldOf(shard, 'slots')));
  }
  return view.view(asked, null);
}

function slotsIn(field: Reply | undefined): SlotRange[] {
  const numbers = itemsOf(field).map(integerOf);
  return numbers.flatMap((first, i) => {
    const last = numbers[i + 1];
    return i % 2 === 0 && first !== null && last != null && isRange(first, last) ? [[first, last] as const] : [];
  });
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

function memberOf(node: Reply, reached: Reached, byTls: boolean): Member | null {
  const text = (name: string): string | null => textIn(node, name);
  const port = (byTls ? portOf(fieldOf(node, 'tls-port')) : null) ?? portOf(fieldOf(node, 'port'));
  const [id, role, endpoint] = [text('id'), text('role'), text('endpoint')];
  if (id === null || !nodeId.safeParse(id).success || port === null || role === null) return null;
  const host = endpointHost(endpoint === null || endpoint === '?' ? text('ip') : endpoint, reached);
  if (host === null) return null;
  return {
    id,
    address: addressText({ host, port }),
    isPrimary: role === 'master' || role === 'primary',
    isFailing: text('health') === 'fail',
  };
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
