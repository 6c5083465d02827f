import { Command } from 'commander';
import type { ReloadOutcome } from '../../admin/index.ts';
import { postToAdmin } from '../../app/post-to-admin.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from '../../runtime/usage-error.ts';
import { type AdminFlags, adminToken, withAdminOptions } from '../options/admin-option.ts';
import { writeOut } from '../output/terminal.ts';

interface ReloadFlags extends AdminFlags {
  readonly json?: true;
}

/** `keyway reload`: has a router read its config again, and reports what came of it. */
export function reloadCommand(): Command {
  return withAdminOptions(new Command('reload').description('make a router reload its config, and report the result'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExit codes:\n  0  the whole config is in effect\n  1  a part of the config needs a restart' +
        '\n  2  nothing has changed: the config has a fault, or no router answers' +
        '\n\nExample:\n  keyway reload\n  keyway reload --admin 127.0.0.1:9902 --json',
    )
    .action(async ({ json, ...flags }: ReloadFlags) => {
      const { admin } = flags;
      const outcome = await postToAdmin(admin, '/reload', adminToken(flags));
      if (!isOutcome(outcome))
        throw new UsageError(`${addressText(admin)} is not a router's admin address: give that with --admin`);
      writeOut(json === true ? `${JSON.stringify(outcome)}\n` : outcomeText(outcome, admin));
      process.exitCode = EXIT_CODES[outcome.result];
    });
}

const EXIT_CODES: Readonly<Record<ReloadOutcome['result'], number>> = {
  applied: EXIT_OK,
  unchanged: EXIT_OK,
  partly: EXIT_FAILURE,
  refused: EXIT_USAGE,
};

function isOutcome(answer: object): answer is ReloadOutcome {
  return 'result' in answer && String(answer.result) in EXIT_CODES;
}

function outcomeText(outcome: ReloadOutcome, admin: HostPort): string {
  const { result, file, applied, needsRestart, unchanged, fault } = outcome;
  if (fault !== null)
    return `${fault}\nnothing was changed: ${addressText(admin)} continues with the last valid config\n`;
  if (result === 'unchanged') return `the router already uses ${file} as it is\n`;
  return [
    ...applied.map((path) => `applied        ${path}`),
    ...needsRestart.map((path) => `needs restart  ${path}`),
    `unchanged      ${unchanged.join(', ')}`,
    '',
  ].join('\n');
}
