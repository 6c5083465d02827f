import { Buffer } from 'node:buffer';
import type { Command } from '../../../resp/index.ts';

/** An argument as latin1 text, a character for a byte: what keys are told from each other by. */
export function argumentText({ bytes, starts, ends }: Command, i: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, starts[i], ends[i]);
}

/** The same as people read it. @param maxBytes more of it is left out */
export function argumentUtf8({ bytes, starts, ends }: Command, i: number, maxBytes = Number.POSITIVE_INFINITY): string {
  const start = starts[i] as number;
  return Buffer.prototype.utf8Slice.call(bytes, start, Math.min(ends[i] as number, start + maxBytes));
}

/** Arguments from one on, as people read them. */
export function argumentsFrom(command: Command, first: number): string[] {
  return Array.from({ length: Math.max(0, command.count - first) }, (_, i) => argumentUtf8(command, first + i));
}
