import { createInterface } from 'node:readline/promises';
import { UsageError } from '../../runtime/usage-error.ts';

/** Before something is deleted: asks on a terminal; elsewhere `--yes` has to have been given. @throws UsageError where not */
export async function confirm(what: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) throw new UsageError(`${what}: add --yes, because there is no terminal for a question`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${what}? [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UsageError('nothing was done');
}
