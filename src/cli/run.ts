import { CommanderError } from 'commander';
import { notice } from '../runtime/notices.ts';
import { EXIT_OK } from '../runtime/usage-error.ts';
import { withoutFormerOptions } from './options/former-options.ts';
import { keywayProgram } from './program.ts';

/**
 * Carries out a command line, and reports what went wrong.
 * @param argv as `process.argv` is
 * @returns the exit code, where the command has set none itself
 */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await (await keywayProgram(argv[2])).parseAsync(withoutFormerOptions(argv, notice));
    return EXIT_OK;
  } catch (error) {
    // What is left of commander's own is that help, or the version, was asked for.
    if (error instanceof CommanderError) return EXIT_OK;
    // It knows the errors of registries, which are not loaded where all goes well and no registry is asked.
    const { report } = await import('./output/report.ts');
    return report(error);
  }
}
