import { addressText } from '../../../runtime/address.ts';
import { nodeId, parseSlotRanges } from '../../../topology/index.ts';
import type { NodeView, SeenNode } from './node-view.ts';

/** A host that a server has none of its own for is the one where it was asked (CLUSTER NODES, CLUSTER SLOTS). */
export function hostOr(host: string, asked: string): string {
  return host === '' ? asked : host;
}

/** A node that has no address, or is not met yet, is none to send clients to. */
const UNREACHABLE = ['noaddr', 'handshake'];

/** `ip:port`, with `@port` of the bus since Redis 4, and names and values behind commas since 7. An IPv6 address stands without brackets. */
const PLACE = /^(.*):(\d{1,5})(?:@\d{1,5})?(?:,.*)?$/;

/**
 * Reads CLUSTER NODES: a line for each node, `id ip:port@bus[,hostname] flags primary ping pong epoch link slot…`. A line that is none is left
 * out, and told of: the others are good.
 * @param endpoints the addresses by which the server names its nodes to clients, by their ids, where it has said so elsewhere
 */
export function readClusterNodes(
  text: string,
  asked: string,
  askedHost: string,
  endpoints: ReadonlyMap<string, string> = new Map(),
): NodeView {
  const nodes: SeenNode[] = [];
  const faults: string[] = [];
  let self: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const read = readLine(line, askedHost, endpoints);
    if (typeof read === 'string') faults.push(`${read}: "${line}"`);
    else if (read !== null && nodes.some(({ id }) => id === read.node.id))
      faults.push(`the node is there twice: "${line}"`);
    else if (read !== null) {
      nodes.push(read.node);
      if (read.isSelf) self = read.node.id;
    }
  }
  return { asked, self, nodes, faults };
}

/** @returns null: a node that is none for clients; a text: what is wrong with the line */
function readLine(
  line: string,
  askedHost: string,
  endpoints: ReadonlyMap<string, string>,
): { readonly node: SeenNode; readonly isSelf: boolean } | string | null {
  const [id = '', place = '', allFlags = '', follows = '', , , epoch = '', link, ...words] = line.trim().split(/\s+/);
  if (!nodeId.safeParse(id).success) return 'no node id of 40 letters and digits';
  const flags = allFlags.split(',');
  if (flags.some((flag) => UNREACHABLE.includes(flag))) return null;
  if (link === undefined || !/^\d+$/.test(epoch)) return 'a line of CLUSTER NODES has eight fields or more';
  const isReplica = flags.includes('slave') || flags.includes('replica');
  if (!isReplica && !flags.includes('master')) return 'the node is neither master nor slave';
  const [, host = '', port = '0'] = PLACE.exec(place) ?? [];
  if (Number(port) < 1 || Number(port) > 65535) return 'no address of a node';
  // Slots on their way stand in brackets: they are still their owner's.
  const slots = parseSlotRanges(words.filter((word) => !word.startsWith('[')).join(' '));
  if (typeof slots === 'string') return slots;
  const address = endpoints.get(id) ?? addressText({ host: hostOr(host, askedHost), port: Number(port) });
  return {
    isSelf: flags.includes('myself'),
    node: {
      id,
      address,
      follows: isReplica && follows !== '-' ? follows : null,
      isFailing: flags.includes('fail'),
      epoch: Number(epoch),
      slots: isReplica ? [] : slots,
    },
  };
}
