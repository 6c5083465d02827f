import { slotOf } from '../../../placement/index.ts';
import type { Command } from '../../../resp/index.ts';
import { splitAddress } from '../../../runtime/address.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, KeyPlaces, keysOf } from '../commands/index.ts';
import { ERRORS } from '../words.ts';

const places = new KeyPlaces();

/** Keys that are none: clients of a cluster may publish at any node. */
const ANYWHERE = 'publish';

/**
 * What a node of a cluster says to a command whose keys are another node's: where the slot is (MOVED), in direct mode. Null where the command has
 * no keys.
 */
export function movedText({ entry }: ClientSession, info: CommandInfo, command: Command): string | null {
  const { owners } = entry;
  // Without slots clients are told of no cluster, and served.
  if (owners?.shared?.placement !== 'slots') return null;
  if (info.name === ANYWHERE || !keysOf(info, command, places) || places.count === 0) return null;
  const { bytes, starts, ends } = command;
  const slotAt = (i: number): number => {
    const at = places.at[i] as number;
    return slotOf(bytes, starts[at] as number, ends[at] as number);
  };
  const slot = slotAt(0);
  for (let i = 1; i < places.count; i++) if (slotAt(i) !== slot) return ERRORS.crossSlot;
  const at = places.at[0] as number;
  const owner = owners.ownerOfBytes(bytes, starts[at] as number, ends[at] as number);
  if (owner === null) return ERRORS.notServed;
  const { host, port } = splitAddress(owner.address);
  // An IPv6 address stands without brackets, as servers have it.
  return `MOVED ${slot} ${host}:${port}`;
}
