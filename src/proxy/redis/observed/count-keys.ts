import { slotOf } from '../../../placement/index.ts';
import type { Command } from '../../../resp/index.ts';
import type { ClientSession } from '../client-session.ts';
import { type CommandInfo, KeyPlaces, keysOf } from '../commands/index.ts';
import { argumentText } from '../take/arguments.ts';

const counted = new KeyPlaces();

/**
 * Counts a command for each of its keys, and its bytes for the first, where somebody wants to know. Only what is carried out may be counted: whoever
 * may not come in could fill the sketch otherwise.
 */
export function countKeys({ context, entry }: ClientSession, info: CommandInfo, command: Command): void {
  const { hotKeys } = context;
  if (hotKeys === null || !keysOf(info, command, counted)) return;
  const { cluster } = entry.description;
  for (let i = 0; i < counted.count; i++) {
    const at = counted.at[i] as number;
    const key = argumentText(command, at);
    const slot = slotOf(command.bytes, command.starts[at] as number, command.ends[at] as number);
    hotKeys.onCommand(cluster, key, slot);
    if (i === 0) hotKeys.onBytes(cluster, key, command.end - command.start);
  }
}
