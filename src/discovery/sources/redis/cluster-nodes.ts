import { addressText } from '../../../runtime/address.ts';
import { nodeId, parseSlotRanges } from '../../../topology/index.ts';
import type { NodeView, SeenNode } from './node-view.ts';
import { hostTold, type Reached } from './told-host.ts';
import { ViewBuilder } from './view-builder.ts';

/** A node that has no address, or is not met yet, is none to send clients to. */
const UNREACHABLE = ['noaddr', 'handshake'];

/** `ip:port`, with `@port` of the bus since Redis 4, and names and values behind commas since 7. An IPv6 address stands without brackets. */
const PLACE = /^([^,]*):(\d{1,5})(?:@\d{1,5})?(?:,.*)?$/;

/** Of as many nodes as are read. */
const MAX_LINES = 8192;
/** A node with every other slot, all of which are on their way, takes less. */
const MAX_LINE = 2 ** 20;

/**
 * Reads CLUSTER NODES: a line for each node, `id ip:port@bus[,hostname] flags primary ping pong epoch link slot…`. A line that is none is left
 * out, and told of: the others are good.
 * @param endpoints the addresses by which the server names its nodes to clients, by their ids, where it has said so elsewhere
 */
export function readClusterNodes(
  text: string,
  asked: string,
  reached: Reached,
  endpoints: ReadonlyMap<string, string> = new Map(),
): NodeView {
  const view = new ViewBuilder();
  let self: string | null = null;
  for (const line of linesOf(text)) {
    const read = line.length > MAX_LINE ? 'a line that is too long' : readLine(line, reached, endpoints);
    if (typeof read === 'string') view.fault(read, line);
    else if (read !== null && view.has(read.node.id)) view.fault('the node is there twice', line);
    else if (read !== null) {
      if (!view.set(read.node)) break;
      view.give(read.node.id, read.node.slots);
      if (read.isSelf) self = read.node.id;
    }
  }
  return view.view(asked, self);
}

/** The lines of a text that are not empty, as far as they are read. */
function* linesOf(text: string): Generator<string> {
  for (let start = 0, line = 0; start < text.length && line < MAX_LINES; line++) {
    const end = text.indexOf('\n', start);
    const next = end < 0 ? text.length : end;
    // Cut before it is trimmed: as much as shows that it is too long.
    const words = text.slice(start, Math.min(next, start + MAX_LINE + 1)).trim();
    if (words !== '') yield words;
    start = next + 1;
  }
}

/** @returns null: a node that is none for clients; a text: what is wrong with the line */
function readLine(
  line: string,
  reached: Reached,
  endpoints: ReadonlyMap<string, string>,
): { readonly node: SeenNode; readonly isSelf: boolean } | string | null {
  const [id = '', place = '', allFlags = '', follows = '', , , epoch = '', link, ...words] = line.split(/\s+/);
  if (!nodeId.safeParse(id).success) return 'no node id of 40 letters and digits';
  const flags = allFlags.split(',');
  if (flags.some((flag) => UNREACHABLE.includes(flag))) return null;
  if (link === undefined || !/^\d{1,20}$/.test(epoch)) return 'a line of CLUSTER NODES has eight fields or more';
  const isReplica = flags.includes('slave') || flags.includes('replica');
  if (!isReplica && !flags.includes('master')) return 'the node is neither master nor slave';
  const isSelf = flags.includes('myself');
  const address = endpoints.get(id) ?? addressIn(place, isSelf, reached);
  if (address === null) return 'no address at which the router can reach the node';
  // Slots on their way stand in brackets: they are still their owner's.
  const slots = parseSlotRanges(words.filter((word) => !word.startsWith('[')).join(' '));
  if (typeof slots === 'string') return slots;
  return {
    isSelf,
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

function addressIn(place: string, isSelf: boolean, reached: Reached): string | null {
  const [, host = '', port = '0'] = PLACE.exec(place) ?? [];
  const told = hostTold(host, isSelf, reached);
  return told === null || Number(port) < 1 || Number(port) > 65535
    ? null
    : addressText({ host: told, port: Number(port) });
}
