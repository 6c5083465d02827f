import type { Command } from '../../../resp/index.ts';
import { type ClientSession, MAX_UNDER_WAY } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { Later } from '../requests/later.ts';
import type { Kind } from '../subscriber.ts';
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
  const isOff = name.includes('unsubscribe');
  const isAll = isOff && command.count === 1;
  const names = isAll
    ? (session.subscriber?.names(kind) ?? [])
    : Array.from({ length: command.count - 1 }, (_, i) => argumentText(command, i + 1));
  takeNames(session, { kind, isOff, names }, 0);
}

interface Wish {
  readonly kind: Kind;
  readonly isOff: boolean;
  readonly names: readonly string[];
}

/** Does what is wished for names from one on: as many as may be under way, and then for the others. */
function takeNames(session: ClientSession, wish: Wish, from: number): void {
  const { kind, isOff, names } = wish;
  const owners = ownersFor(session);
  if (owners === null) return;
  if (owners.size === 0) {
    session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
    return;
  }
  const subscriber = session.subscribe();
  if (names.length === 0) subscriber.removeNothing(kind);
  // A pattern may be subscribed to at all shards.
  const to = Math.min(names.length, from + Math.max(1, Math.floor(MAX_UNDER_WAY / owners.size)));
  for (const name of names.slice(from, to)) {
    if (isOff) subscriber.remove(kind, name, owners);
    else if (!subscriber.add(kind, name, owners)) session.refuse('too_long', ERRORS.tooManyNames);
  }
  if (to === names.length) return;
  session.expect(new Later(session, () => takeNames(session, wish, to)));
  session.waitForAll();
}
