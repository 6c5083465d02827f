import { homedir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { isLoopback } from '../../../runtime/address.ts';
import { NamedFileFault, namedFile, secretIn } from '../../../runtime/named-file.ts';
import { ControllerClient } from '../../shell/controller-client.ts';
import { controllersIn, originsOf } from '../../shell/controllers-file.ts';
import { Shell } from '../../shell/shell.ts';
import { runOnPipe, runOnTerminal } from '../../shell/terminal-shell.ts';

const DEFAULT_CONTROLLER = '127.0.0.1:9379';

interface ShellFlags {
  readonly controllers?: string;
  readonly config?: string;
  readonly tokenFile?: string;
}

/** `keyway redis shell`: clusters that controllers lead, by words that are typed. */
export function shellCommand(): Command {
  return new Command('shell')
    .description('make, show and change clusters by words that are typed, as the shell of kvrocks-controller has them')
    .option(
      '--controllers <addresses>',
      'REST interfaces of controllers, separated by commas; https://host:port by TLS',
    )
    .option('--config <file>', 'a YAML file with controllers: a list of addresses; by default ~/.kc_cli_config')
    .option('--token-file <file>', 'the file with the token that controllers require')
    .addHelpText('after', '\nExample:\n  keyway redis shell\n  keyway redis shell --controllers 127.0.0.1:9379')
    .action(async (flags: ShellFlags) => {
      const token = flags.tokenFile === undefined ? null : secretIn(flags.tokenFile);
      const client = new ControllerClient(originsOf(controllersOf(flags), token !== null, isLoopback), token);
      const shell = new Shell(client, (file) => namedFile(file).toString('utf8'));
      if (process.stdin.isTTY === true) await runOnTerminal(shell, join(homedir(), '.keyway_redis_history'));
      else await runOnPipe(shell);
    });
}

function controllersOf({ controllers, config }: ShellFlags): readonly string[] {
  if (controllers !== undefined) return controllers.split(',');
  const file = config ?? join(homedir(), '.kc_cli_config');
  try {
    return controllersIn(namedFile(file).toString('utf8'), file);
  } catch (error) {
    // It need not be there.
    if (config === undefined && error instanceof NamedFileFault) return [DEFAULT_CONTROLLER];
    throw error;
  }
}
