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

/** Notes of which the same may come again and again: it is written once, and then how often it came besides. */
export class Notes {
  #last = '';
  #repeated = 0;

  /** @param text a line */
  write(text: string): void {
    if (text === this.#last) {
      this.#repeated++;
      return;
    }
    this.end();
    this.#last = text;
    writeErr(`${text}\n`);
  }

  /** Something else has come: the same note would be news. */
  end(): void {
    if (this.#repeated > 0) writeErr(`(the same ${this.#repeated} times more)\n`);
    this.#last = '';
    this.#repeated = 0;
  }
}

/** Draws anew what stands on the terminal below `lines` lines up. @param texts lines, which may say what others have said */
export function redraw(lines: number, texts: readonly string[]): void {
  const up = lines === 0 ? '' : `\x1b[${lines}A`;
  process.stderr.write(`${up}\x1b[J${texts.map((text) => `${printable(text)}\n`).join('')}`);
}
