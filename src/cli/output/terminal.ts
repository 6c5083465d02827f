import { styleText } from 'node:util';
import { fileFault } from '../../runtime/foreign-errors.ts';
import { printable } from '../../runtime/printable.ts';
import { EXIT_FAILURE, EXIT_OK } from '../../runtime/usage-error.ts';

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

/**
 * Writes tables, or JSON in their place. On a terminal the head of each table is bold: the first line, and each that follows an
 * empty one. Styles follow NO_COLOR, FORCE_COLOR and whether the output is a terminal.
 */
export function writeTables(text: string, json: boolean): void {
  if (json) {
    writeOut(text);
    return;
  }
  const bold = (line: string): string => styleText('bold', line, { stream: process.stdout });
  process.stdout.write(printable(text).replaceAll(/(?<=^|\n\n).+/g, bold));
}

/** Writes a text that is all our own, with its styles. Commander takes them out where no terminal shows them. */
export function writeOwnText(text: string, stream: NodeJS.WriteStream): void {
  stream.write(text);
}

/** Says what went wrong; each line begins alike, so that its origin is known. */
export function writeFault(text: string): void {
  const prefix = styleText('red', 'keyway:', { stream: process.stderr });
  for (const line of printable(text).split('\n')) process.stderr.write(`${prefix} ${line}\n`);
}

let isServing = false;

/**
 * What reads our output may stop, as `head` does: then nothing is left to say, and that is no failure. An answer that
 * cannot be written for another reason, such as a full disk, is one.
 */
export function endOnClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (isServing) return;
      if (error.code === 'EPIPE') process.exit(EXIT_OK);
      if (stream === process.stdout) writeFault(`standard output: ${fileFault(error)}`);
      process.exit(EXIT_FAILURE);
    });
}

/** Whether or not our output is read, clients are served: from now on the process continues when its output cannot be written. */
export function continueUnread(): void {
  isServing = true;
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

/** Redraws the last `lines` lines on the terminal. @param texts lines, which may say what others have said */
export function redraw(lines: number, texts: readonly string[]): void {
  const up = lines === 0 ? '' : `\x1b[${lines}A`;
  process.stderr.write(`${up}\x1b[J${texts.map((text) => `${printable(text)}\n`).join('')}`);
}
