import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import type { Kind } from '../subscriber.ts';
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
  const owners = ownersFor(session);
  if (kind === undefined || owners === null) return;
  if (owners.size === 0) {
    session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
    return;
  }
  const subscriber = session.subscribe();
  const isOff = name.includes('unsubscribe');
  if (isOff && command.count === 1) subscriber.removeAll(kind, owners);
  for (let i = 1; i < command.count; i++) {
    const channel = argumentText(command, i);
    if (isOff) subscriber.remove(kind, channel, owners);
    else subscriber.add(kind, channel, owners);
  }
}
