import { CommanderError } from 'commander';
import { report } from './output/report.ts';
import { endWhereNobodyReads } from './output/terminal.ts';
import { keywayProgram } from './program.ts';

/** The `keyway` command. Only this folder reads arguments, the environment and the real clock. */
endWhereNobodyReads();
try {
  await (await keywayProgram(process.argv[2])).parseAsync();
} catch (error) {
  // What is left of commander's own is that help, or the version, was asked for.
  if (!(error instanceof CommanderError)) process.exitCode = report(error);
}
