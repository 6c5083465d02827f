import { createInterface, type ReadLineOptions } from 'node:readline';
import { plainText } from '../../runtime/foreign-errors.ts';
import { namedFile } from '../../runtime/named-file.ts';
import { writePrivateFile } from '../../runtime/private-file.ts';
import { EXIT_FAILURE } from '../../runtime/usage-error.ts';
import { writeFault, writeOut } from '../output/terminal.ts';
import type { Shell } from './shell.ts';

/** So many lines are kept of what was typed. */
const HISTORY_LINES = 1000;

/**
 * Reads lines from a terminal, and carries them out one after the other, until it ends. Ctrl-C drops a line that is being typed.
 * @param history the file that keeps what was typed, for its owner alone
 */
export async function runOnTerminal(shell: Shell, history: string): Promise<void> {
  const options: ReadLineOptions = {
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    history: linesIn(history),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line, done) => {
      shell.completions(line).then(
        (found) => done(null, [found, line.slice(line.search(/\S*$/))]),
        () => done(null, [[], line]),
      );
    },
  };
  const lines = createInterface(options);
  lines.on('history', (typed: readonly string[]) => keep(history, typed));
  let isRunning = false;
  const ask = (): void => {
    lines.setPrompt(shell.prompt);
    lines.prompt();
  };
  lines.on('SIGINT', () => {
    // What a controller was asked for goes on; who asked need not wait for it.
    if (isRunning) process.exit(EXIT_FAILURE);
    lines.write(null, { ctrl: true, name: 'e' });
    lines.write(null, { ctrl: true, name: 'u' });
    writeOut('^C\n');
    ask();
  });
  ask();
  for await (const line of lines) {
    isRunning = true;
    try {
      writeOut(await shell.run(line));
    } catch (error) {
      writeFault(plainText(error));
    }
    isRunning = false;
    if (shell.hasEnded) break;
    ask();
  }
  lines.close();
}

function keep(history: string, typed: readonly string[]): void {
  try {
    writePrivateFile(history, typed.map((line) => `${line}\n`).join(''));
  } catch {
    // What cannot be kept is no reason not to go on.
  }
}

/** Node has the latest first. */
function linesIn(file: string): string[] {
  try {
    return namedFile(file)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, HISTORY_LINES);
  } catch {
    return [];
  }
}

/** Carries out lines that a program writes, or that stand in a file; it ends at the first that cannot be carried out. */
export async function runOnPipe(shell: Shell): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, terminal: false })) {
    writeOut(await shell.run(line));
    if (shell.hasEnded) return;
  }
}
