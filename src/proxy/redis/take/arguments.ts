import { Buffer } from 'node:buffer';
import type { Command } from '../../../resp/index.ts';

/** An argument as latin1 text, a character for a byte: what keys are told from each other by. */
export function argumentText({ bytes, starts, ends }: Command, i: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, starts[i], ends[i]);
}

/** The same as people read it. */
export function argumentUtf8({ bytes, starts, ends }: Command, i: number): string {
  return Buffer.prototype.utf8Slice.call(bytes, starts[i], ends[i]);
}

/** Arguments from one on, as people read them. */
export function argumentsFrom(command: Command, first: number): string[] {
  return Array.from({ length: Math.max(0, command.count - first) }, (_, i) => argumentUtf8(command, first + i));
}
