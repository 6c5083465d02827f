import { Command } from 'commander';
import { VERSION } from '../../runtime/version.ts';
import { writeOut } from '../output/terminal.ts';

/** `keyway version`: what to quote when reporting a problem. */
export function versionCommand(): Command {
  return new Command('version')
    .description('print the versions of Keyway and Node, and the platform')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  keyway version')
    .action(({ json }: { readonly json?: true }) => {
      const { version: node, platform, arch } = process;
      writeOut(
        json === true
          ? `${JSON.stringify({ keyway: VERSION, node, platform, arch })}\n`
          : `keyway ${VERSION}, Node ${node}, ${platform}-${arch}\n`,
      );
    });
}
