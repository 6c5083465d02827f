import { printableLine } from '../runtime/printable.ts';

/** Enough to recognise a value by; what is longer would fill the screen, as a file of another kind does when it is read as one value. */
const MAX_CHARACTERS = 100;

/** What was written, for a message: one line, cut off where it is long. */
export function excerpt(text: string): string {
  const line = printableLine(text.slice(0, MAX_CHARACTERS));
  return text.length > MAX_CHARACTERS ? `${line}…` : line;
}
