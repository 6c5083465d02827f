import { SLOT_COUNT, slotOf } from '../../../placement/index.ts';
import { arrayReply, bulkReply, integerReply, OK, verbatimReply } from '../../../resp/index.ts';
import { addressText, canonicalAddress } from '../../../runtime/address.ts';
import type { ClientSession } from '../client-session.ts';
import type { LocalAnswer } from '../local/local-answer.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { sendToOwner } from '../take/sending.ts';
import { ERRORS } from '../words.ts';
import { type Layout, layoutOf } from './layout.ts';
import { clusterInfo, nodeLines, replicaLines, shardsReply, slotsReply } from './listed.ts';

/** The owners, where they are placed by slots; null where they are unknown, or are not: the client was told. */
function slotOwners(session: ClientSession): RedisOwners | null {
  const { owners } = session.entry;
  if (owners?.shared == null) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  else if (owners.shared.placement === 'slots') return owners;
  else session.refuse('refused_command', ERRORS.noCluster);
  return null;
}

/** An answer that follows from what clients are told of the cluster. */
const byLayout =
  (say: (layout: Layout, session: ClientSession, args: readonly string[]) => Buffer | null): LocalAnswer =>
  (session, args) => {
    const owners = slotOwners(session);
    if (owners === null) return;
    const { localAddress = '', localPort = 0 } = session.accepted.socket;
    const here = addressText({ host: canonicalAddress(localAddress), port: localPort });
    const reply = say(layoutOf(session.entry, owners, here), session, args);
    if (reply === null) session.refuse('bad_command', `ERR Unknown node ${args[0] ?? ''}`);
    else session.say(reply);
  };

const replicas = byLayout((layout, _session, [primary = '']) => replicaLines(layout, primary));

/** The number of a slot; null where it is none: the client was told. */
function slotIn(session: ClientSession, text: string): number | null {
  const slot = /^\d{1,5}$/.test(text) ? Number(text) : SLOT_COUNT;
  if (slot < SLOT_COUNT) return slot;
  session.refuse('bad_command', 'ERR Invalid or out of range slot');
  return null;
}

/** What is known of a slot's keys the slot's owner knows. */
const askOwner: LocalAnswer = (session, [slot = ''], command) => {
  const owners = slotOwners(session);
  const number = owners === null ? null : slotIn(session, slot);
  if (owners === null || number === null) return;
  const owner = owners.table?.partition().owners[number] ?? -1;
  if (owner < 0) session.refuse('no_owner', ERRORS.notServed);
  else sendToOwner(session, command, owners, owners.reach(owner));
};

const ok: LocalAnswer = (session) => session.say(OK);

/** CLUSTER, and what clients of a cluster say to its nodes, by the names of the commands. */
export const clusterAnswers: Readonly<Record<string, LocalAnswer>> = {
  // A router reads where its own rules say so, and takes over no slot: there is nothing to switch.
  readonly: ok,
  readwrite: ok,
  asking: ok,
  'cluster|nodes': byLayout((layout, { protocol }) => verbatimReply(nodeLines(layout), protocol)),
  'cluster|slots': byLayout(slotsReply),
  'cluster|shards': byLayout((layout, { protocol }) => shardsReply(layout, protocol)),
  'cluster|info': byLayout((layout, { protocol }) => verbatimReply(clusterInfo(layout), protocol)),
  'cluster|myid': byLayout(({ self }) => bulkReply(self.id)),
  'cluster|replicas': replicas,
  'cluster|slaves': replicas,
  // There is no bus between routers, or to the servers.
  'cluster|links': byLayout(() => arrayReply([])),
  'cluster|keyslot': (session, _args, { bytes, starts, ends }) =>
    session.say(integerReply(slotOf(bytes, starts[2] as number, ends[2] as number))),
  'cluster|countkeysinslot': askOwner,
  'cluster|getkeysinslot': askOwner,
};

/** What changes a cluster is for those who run it. */
export const ADMINISTERS: LocalAnswer = (session, _args, command) =>
  session.refuse(
    'refused_command',
    `ERR CLUSTER ${command.text(1).toUpperCase().slice(0, MAX_SHOWN)} is refused: it administers a server, which clients of the router may not do`,
  );

/** Longer words are cut in messages. */
const MAX_SHOWN = 128;
