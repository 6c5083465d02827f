import { styleText } from 'node:util';
import type { Command, Help, Option } from 'commander';
import { writeOwnText } from './terminal.ts';

/** How the help of every command looks. */
export function showHelpWell(command: Command): void {
  command.configureHelp({
    optionDescription,
    styleTitle: (text) => styleText('bold', text, { validateStream: false }),
  } satisfies Partial<Help>);
  command.configureOutput({
    writeOut: (text) => writeOwnText(text, process.stdout),
    writeErr: (text) => writeOwnText(text, process.stderr),
    // Faults are reported in one place, from what is thrown.
    outputError: () => {},
  });
}

/** What an option does, and its default as one types it. */
function optionDescription({ description, envVar, defaultValue, defaultValueDescription, negate }: Option): string {
  const notes = [
    ...(envVar === undefined ? [] : [envVar]),
    ...(negate || defaultValue === undefined ? [] : [defaultValueDescription ?? typed(defaultValue)]),
  ].filter((note) => note !== '');
  return notes.length === 0 ? description : `${description} (default: ${notes.join(', else ')})`;
}

function typed(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? '' : String(value);
}
