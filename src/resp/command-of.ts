import type { Command } from './command.ts';
import { CommandScanner } from './command-scanner.ts';
import { encodeCommand } from './write.ts';

/** A client's limits do not hold for what a program says itself. */
const UNLIMITED = {
  maxArguments: Number.MAX_SAFE_INTEGER,
  maxBulkBytes: Number.MAX_SAFE_INTEGER,
  maxInlineBytes: Number.MAX_SAFE_INTEGER,
};

/** The command that these bytes are, or null where they are not exactly one; the object is the caller's own. */
export function readCommand(wire: Uint8Array): Command | null {
  const scanner = new CommandScanner(UNLIMITED);
  return scanner.scan(wire, 0, wire.length) === wire.length ? scanner.command : null;
}

/** The command that these words are, as a reader would report it; the object is the caller's own. */
export function commandOf(words: ReadonlyArray<string | Uint8Array>): Command {
  const scanner = new CommandScanner(UNLIMITED);
  const wire = encodeCommand(words);
  scanner.scan(wire, 0, wire.length);
  return scanner.command;
}
