import { readCommand } from '../../../resp/index.ts';
import { findCommand, KeyPlaces, keysOf } from '../commands/index.ts';
import { argumentUtf8 } from '../take/arguments.ts';

/** A longer key is cut. */
const LONGEST_KEY_BYTES = 256;
const places = new KeyPlaces();

/** A command's name and its first key, for people to see. @param raw null where it is not known any more */
export function namedCommand(raw: Uint8Array | null): { readonly command: string; readonly key: string | null } {
  const command = raw === null ? null : readCommand(raw);
  const info = command === null ? null : findCommand(command);
  if (command === null || info === null) return { command: '(not kept)', key: null };
  const hasKeys = keysOf(info, command, places) && places.count > 0;
  return {
    command: info.name.replace('|', ' ').toUpperCase(),
    key: hasKeys ? argumentUtf8(command, places.at[0] as number, LONGEST_KEY_BYTES) : null,
  };
}
