import { printable } from '../printable.ts';

/**
 * Writes what a command answers. Whatever others have said in it, steers no terminal.
 * @returns false where the reader is behind: what follows should wait for `drain`
 */
export function writeOut(text: string): boolean {
  return process.stdout.write(printable(text));
}

/** Writes what stands beside the answer: notes, faults, progress. */
export function writeErr(text: string): void {
  process.stderr.write(printable(text));
}

/** Draws anew what stands on the terminal below `lines` lines up. @param texts lines, which may say what others have said */
export function redraw(lines: number, texts: readonly string[]): void {
  const up = lines === 0 ? '' : `\x1b[${lines}A`;
  process.stderr.write(`${up}\x1b[J${texts.map((text) => `${printable(text)}\n`).join('')}`);
}
