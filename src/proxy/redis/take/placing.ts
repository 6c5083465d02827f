import type { Command } from '../../../resp/index.ts';
import type { Upstream } from '../../core/owner/upstream.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, hasFixedTag, KeyPlaces, keysOf, patternsOf } from '../commands/index.ts';
import type { RedisOwners } from '../redis-owners.ts';
import type { RedisPool } from '../shards/redis-pool.ts';
import { argumentText } from './arguments.ts';

/** Where the keys stand of the command that `ownerOfAll` has looked at last. One command is taken at a time. */
export const keyPlaces = new KeyPlaces();

/** The owners of the cluster's keys; null where they are unknown: the command was refused then. */
export function ownersFor(session: ClientSession): RedisOwners | null {
  const { owners } = session.entry;
  if (owners === null) session.refuse('no_owner', 'CLUSTERDOWN The cluster is down');
  return owners;
}

/** The owner of all keys of a command; null where there is none, as for a command without keys; undefined where there are several. */
export function ownerOfAll(
  owners: RedisOwners,
  info: CommandInfo,
  command: Command,
): Upstream<RedisPool> | null | undefined {
  const { bytes, starts, ends } = command;
  keyPlaces.count = 0;
  if (!keysOf(info, command, keyPlaces)) keyPlaces.count = 0;
  let owner: Upstream<RedisPool> | null = null;
  for (let i = 0; i < keyPlaces.count; i++) {
    const at = keyPlaces.at[i] as number;
    const each = owners.ownerOfBytes(bytes, starts[at] as number, ends[at] as number);
    if (i > 0 && each !== owner) return undefined;
    owner = each;
  }
  return owner !== null && info.hasPatterns && !ownsPatterns(owners, owner, command) ? undefined : owner;
}

/** Whether a shard owns all keys that the patterns of SORT may make. By placements without tags nobody can tell before. */
function ownsPatterns(owners: RedisOwners, owner: Upstream<RedisPool>, command: Command): boolean {
  if (owners.size === 1) return true;
  const { bytes, starts, ends } = command;
  return patternsOf(command).every(
    (at) =>
      owners.shared?.placement === 'slots' &&
      hasFixedTag(command, at) &&
      owners.ownerOfBytes(bytes, starts[at] as number, ends[at] as number) === owner,
  );
}

/** The keys that `ownerOfAll` has found. */
export function textsAt(command: Command): string[] {
  return Array.from({ length: keyPlaces.count }, (_, i) => argumentText(command, keyPlaces.at[i] as number));
}
