import type { Command } from '../../../resp/index.ts';
import { type ClientSession, MAX_UNDER_WAY } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import type { RedisOwners } from '../redis-owners.ts';
import { AskBusRequest } from '../requests/ask-bus-request.ts';
import { Later } from '../requests/later.ts';
import type { Kind } from '../subscription-kind.ts';
import { ERRORS } from '../words.ts';
import { argumentText } from './arguments.ts';
import { ownersFor } from './placing.ts';

const KINDS: Readonly<Record<string, Kind>> = {
  subscribe: 'channel',
  unsubscribe: 'channel',
  psubscribe: 'pattern',
  punsubscribe: 'pattern',
  ssubscribe: 'shard-channel',
  sunsubscribe: 'shard-channel',
};

/** SUBSCRIBE and its relatives. */
export function takeSubscription(session: ClientSession, { name }: CommandInfo, command: Command): void {
  const kind = KINDS[name];
  if (kind === undefined) return;
  const names = Array.from({ length: command.count - 1 }, (_, i) => argumentText(command, i + 1));
  if (!name.includes('unsubscribe')) subscribe(session, kind, names);
  else if (names.length === 0) inTurn(session, names, 0, () => endAll(session, kind, true));
  else inTurn(session, names, 0, () => takeNames(session, { kind, isOff: true, names }, 0));
}

function subscribe(session: ClientSession, kind: Kind, names: readonly string[]): void {
  const owners = ownersFor(session);
  if (owners === null) return;
  const shard = owners.first;
  const isKnown = kind !== 'pattern' || owners.shared?.placement !== 'slots';
  if (!isKnown && shard !== null && !session.context.buses.has(shard)) {
    const asking = new AskBusRequest(session, owners, shard);
    session.expect(asking);
    asking.begin();
    inTurn(session, names, 0, () => takeNames(session, { kind, isOff: false, names }, 0));
  } else takeNames(session, { kind, isOff: false, names }, 0);
}

/** Does something with names, from one on, once all that its client has asked before is answered. Until then they count as kept. */
function inTurn(session: ClientSession, names: readonly string[], from: number, callback: () => void): void {
  const bytes = bytesOf(names, from);
  if (!session.keptBytes.hasRoomFor(bytes)) {
    session.refuse('too_long', ERRORS.tooManyNames);
    return;
  }
  session.keptBytes.add(bytes);
  session.subscriber?.separate();
  session.expect(
    new Later(session, () => {
      session.keptBytes.remove(bytes);
      callback();
    }),
  );
  session.waitForAll();
}

/** What a name takes in memory besides its bytes while it waits for its turn. */
const WAITING_NAME_BYTES = 40;

function bytesOf(names: readonly string[], from: number): number {
  let bytes = 0;
  for (let i = from; i < names.length; i++) bytes += (names[i] as string).length + WAITING_NAME_BYTES;
  return bytes;
}

interface Wish {
  readonly kind: Kind;
  readonly isOff: boolean;
  readonly names: readonly string[];
}

/** The owners, and for how many names a command to each may be under way; null where the command was refused. */
function roomAt(session: ClientSession): { readonly owners: RedisOwners; readonly most: number } | null {
  const owners = ownersFor(session);
  if (owners === null) return null;
  // A pattern may be subscribed to at all shards.
  if (owners.size > 0) return { owners, most: Math.max(1, Math.floor(MAX_UNDER_WAY / owners.size)) };
  session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  return null;
}

/** Does what is wished for names from one on: as many as may be under way, and then for the others. */
function takeNames(session: ClientSession, wish: Wish, from: number): void {
  const { kind, isOff, names } = wish;
  const room = roomAt(session);
  if (room === null) return;
  const subscriber = session.subscribe();
  const to = Math.min(names.length, from + room.most);
  for (const name of names.slice(from, to)) {
    if (isOff) subscriber.remove(kind, name, room.owners);
    else if (!subscriber.add(kind, name, room.owners)) session.refuse('too_long', ERRORS.tooManyNames);
  }
  if (to < names.length) inTurn(session, names, to, () => takeNames(session, wish, to));
}

/** Ends all that is subscribed to: some of it at a time. */
function endAll(session: ClientSession, kind: Kind, isFirst: boolean): void {
  const room = roomAt(session);
  if (room === null) return;
  const subscriber = session.subscribe();
  const names = subscriber.names(kind, room.most);
  if (names.length === 0 && isFirst) subscriber.removeNothing(kind);
  for (const name of names) subscriber.remove(kind, name, room.owners);
  if (subscriber.names(kind, 1).length > 0) inTurn(session, [], 0, () => endAll(session, kind, false));
}
