/** Writes docs/commands.md, of the command line itself: `npm run commands`. */
import type { Argument, Command } from 'commander';
import { keywayProgram } from '../../src/cli/program.ts';

/** What is read of the environment, and what for. */
export const VARIABLES: Readonly<Record<string, string>> = {
  KEYWAY_REGISTRY:
    'the registry that a command is about, where no `--registry` says it: `host:port`, `sqlite:FILE`, `etcd:HOST:PORT,…`',
  KEYWAY_TOKEN_FILE: 'the file with the token for that registry, where no `--token-file` says it',
  KEYWAY_TOKEN: 'the token itself, where neither names a file',
  KEYWAY_ENDPOINT: 'the router that `keyway kv` asks, where no `--endpoint` says it',
  XDG_CONFIG_HOME:
    'where `keyway/config.yaml` is, which names a registry for all commands, with its token and TLS; `~/.config` by default',
  NO_COLOR: 'any text: no colours, also on a terminal',
  FORCE_COLOR: 'colours where there is no terminal; `0`: none',
  NODE_COMPILE_CACHE:
    'where V8 keeps what it has compiled, which halves the time of a start; `node_modules/.cache/keyway` of the package by default',
  npm_command: 'set by npm, whose children end with it: nothing that anybody sets',
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');

export async function commandIndex(): Promise<string> {
  const rows = leaves(await keywayProgram()).map(({ path, command }) => {
    const words = ['npx', ...path, ...command.registeredArguments.map(argumentText)];
    const options = command.options.filter(({ hidden }) => !hidden).map(({ flags }) => `\`${cell(flags)}\``);
    return `| \`${cell(words.join(' '))}\` | ${cell(command.description())} | ${options.join(', ')} |`;
  });
  const variables = Object.entries(VARIABLES).map(([name, what]) => `| \`${name}\` | ${cell(what)} |`);
  return [
    '# Commands and environment variables',
    '',
    'Made of the command line itself by `npm run commands`.',
    '',
    'Every command with its arguments and options; `--help` of each tells more, and has an example. Outside of a checkout it is `keyway` alone.',
    '',
    '| command | what it does | options |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '| variable | what it says |',
    '| --- | --- |',
    ...variables,
    '',
  ].join('\n');
}

interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
}

/** The commands that do something: those without commands of their own, or with an action beside them. */
function leaves(command: Command, above: readonly string[] = []): Leaf[] {
  const path = [...above, command.name()];
  const below = command.commands.flatMap((each) => leaves(each, path));
  return command.commands.length === 0 || command.registeredArguments.length > 0
    ? [{ path, command }, ...below]
    : below;
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

if (import.meta.main) process.stdout.write(await commandIndex());
