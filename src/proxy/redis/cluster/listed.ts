import { isIP } from 'node:net';
import { SLOT_COUNT } from '../../../placement/index.ts';
import { arrayReply, bulkReply, integerReply, mapReply, type Protocol } from '../../../resp/index.ts';
import { formatSlotRanges } from '../../../topology/index.ts';
import type { AnnouncedNode, Layout } from './layout.ts';

/** Nodes of Redis speak with each other at a port that is so much higher, where nothing else is said; a router does not. */
const BUS_OFFSET = 10_000;
const LAST_PORT = 65_535;

function busPort(port: number): number {
  return port + BUS_OFFSET > LAST_PORT ? 0 : port + BUS_OFFSET;
}

/** A node as CLUSTER NODES has it: `id ip:port@bus[,name] flags primary ping pong epoch link slots`. */
function nodeLine({ self, epoch }: Layout, node: AnnouncedNode): string {
  const { id, host, port, follows, slots } = node;
  const name = isIP(host) === 0 ? `,${host}` : '';
  const flags = `${node === self ? 'myself,' : ''}${follows === null ? 'master' : 'slave'}`;
  const line = `${id} ${host}:${port}@${busPort(port)}${name} ${flags} ${follows ?? '-'} 0 0 ${epoch} connected`;
  return slots.length === 0 ? line : `${line} ${formatSlotRanges(slots)}`;
}

export function nodeLines(layout: Layout): string {
  return layout.nodes.map((node) => `${nodeLine(layout, node)}\n`).join('');
}

/** CLUSTER REPLICAS: the lines of those that follow a node; null where there is no such primary. */
export function replicaLines(layout: Layout, primary: string): Buffer | null {
  if (!layout.nodes.some(({ id, follows }) => id === primary && follows === null)) return null;
  const replicas = layout.nodes.filter(({ follows }) => follows === primary);
  return arrayReply(replicas.map((node) => bulkReply(nodeLine(layout, node))));
}

/** CLUSTER SLOTS: `[first, last, node, replica…]` for each range, a node `[endpoint, port, id, metadata]`. */
export function slotsReply({ nodes }: Layout): Buffer {
  const place = ({ host, port, id }: AnnouncedNode): Buffer =>
    arrayReply([bulkReply(host), integerReply(port), bulkReply(id), arrayReply([])]);
  const entries = nodes.flatMap((node) => {
    const places = [node, ...nodes.filter(({ follows }) => follows === node.id)].map(place);
    return node.slots.map((range) => ({ range, places }));
  });
  entries.sort((a, b) => a.range[0] - b.range[0]);
  return arrayReply(
    entries.map(({ range: [first, last], places }) => arrayReply([integerReply(first), integerReply(last), ...places])),
  );
}

/** CLUSTER SHARDS (Redis 7): slots and nodes of each shard. */
export function shardsReply({ nodes }: Layout, protocol: Protocol): Buffer {
  const map = (pairs: ReadonlyArray<readonly [string, Buffer]>): Buffer =>
    mapReply(
      pairs.flatMap(([name, value]) => [bulkReply(name), value]),
      protocol,
    );
  const member = ({ id, host, port, follows }: AnnouncedNode): Buffer =>
    map([
      ['id', bulkReply(id)],
      ['port', integerReply(port)],
      ['ip', bulkReply(host)],
      ['endpoint', bulkReply(host)],
      ['role', bulkReply(follows === null ? 'master' : 'replica')],
      ['replication-offset', integerReply(0)],
      ['health', bulkReply('online')],
    ]);
  const shards = nodes.filter(({ follows }) => follows === null);
  return arrayReply(
    shards.map((primary) =>
      map([
        ['slots', arrayReply(primary.slots.flat().map(integerReply))],
        ['nodes', arrayReply([primary, ...nodes.filter(({ follows }) => follows === primary.id)].map(member))],
      ]),
    ),
  );
}

/** CLUSTER INFO, as far as clients and tools look at it. */
export function clusterInfo({ nodes, ownedSlots, epoch }: Layout): string {
  const isWhole = ownedSlots === SLOT_COUNT;
  const lines = [
    'cluster_enabled:1',
    `cluster_state:${isWhole ? 'ok' : 'fail'}`,
    `cluster_slots_assigned:${ownedSlots}`,
    `cluster_slots_ok:${ownedSlots}`,
    'cluster_slots_pfail:0',
    'cluster_slots_fail:0',
    `cluster_known_nodes:${nodes.length}`,
    `cluster_size:${nodes.filter(({ slots }) => slots.length > 0).length}`,
    `cluster_current_epoch:${epoch}`,
    `cluster_my_epoch:${epoch}`,
  ];
  return `${lines.join('\r\n')}\r\n`;
}
