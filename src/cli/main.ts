import { CommanderError } from 'commander';
import { keywayProgram } from './program.ts';
import { report } from './report.ts';
import { endWhereNobodyReads } from './terminal.ts';

/** The `keyway` command. Only this folder reads arguments, the environment and the real clock. */
endWhereNobodyReads();
try {
  await (await keywayProgram(process.argv[2])).parseAsync();
} catch (error) {
  // What is left of commander's own is that help, or the version, was asked for.
  if (!(error instanceof CommanderError)) process.exitCode = report(error);
}
