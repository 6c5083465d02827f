import type { Command } from '../../../resp/index.ts';
import { type ClientSession, MAX_UNDER_WAY } from '../client-session.ts';
import type { CommandInfo } from '../commands/index.ts';
import { Answer } from '../requests/answer.ts';
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
    else subscriber.add(kind, name, owners);
  }
  if (to === names.length) return;
  session.expect(new OtherNames(session, () => takeNames(session, wish, to)));
  session.waitForAll();
}

const NOTHING = new Uint8Array(0);

/** Stands in for the names of a command that are not under way: they are taken when those before them are done. */
class OtherNames extends Answer {
  readonly #session: ClientSession;
  readonly #take: () => void;

  constructor(session: ClientSession, take: () => void) {
    super();
    this.#session = session;
    this.#take = take;
  }

  override onFirst(): void {
    // They stand behind this one, which ends then.
    this.#take();
    this.#session.onBytes(this, NOTHING, 0, 0, true);
  }
}
