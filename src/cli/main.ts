import { CommanderError } from 'commander';
import { notice, noticesGoTo } from '../runtime/notices.ts';
import { withoutFormerOptions } from './options/former-options.ts';
import { report } from './output/report.ts';
import { endWhereNobodyReads, writeFault } from './output/terminal.ts';
import { keywayProgram } from './program.ts';

/** The `keyway` command. Only this folder reads arguments, the environment and the real clock. */
endWhereNobodyReads();
noticesGoTo(writeFault);
try {
  await (await keywayProgram(process.argv[2])).parseAsync(withoutFormerOptions(process.argv, notice));
} catch (error) {
  // What is left of commander's own is that help, or the version, was asked for.
  if (!(error instanceof CommanderError)) process.exitCode = report(error);
}
