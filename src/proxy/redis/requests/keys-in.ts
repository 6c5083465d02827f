import { Buffer } from 'node:buffer';
import { readCommand } from '../../../resp/index.ts';
import { findCommand, KeyPlaces, keysOf } from '../commands/index.ts';

const places = new KeyPlaces();

/** The keys of a whole command, in latin1; null where it has none. For one whose keys nobody has noted, and whose owner has changed before it had it. */
export function keysIn(raw: Uint8Array): { readonly key: string; readonly others: readonly string[] } | null {
  const command = readCommand(raw);
  const info = command === null ? null : findCommand(command);
  if (command === null || info === null || !keysOf(info, command, places) || places.count === 0) return null;
  const { bytes, starts, ends } = command;
  const [key = '', ...others] = Array.from(places.at.subarray(0, places.count), (at) =>
    Buffer.prototype.latin1Slice.call(bytes, starts[at], ends[at]),
  );
  return { key, others };
}
