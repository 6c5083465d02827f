import { Argument, Command } from 'commander';
import { writeOut } from '../output/terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `keyway completion`: what a shell evaluates to complete commands and options. @param program with every command */
export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .description('print a script that has a shell complete commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExample:\n  keyway completion bash > ~/.local/share/bash-completion/completions/keyway\n  keyway completion fish > ~/.config/fish/completions/keyway.fish',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      const words = wordsBelow(await program(), '');
      if (shell === 'fish') writeOut(fishScript(words));
      else
        writeOut(
          shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}` : bashScript(words),
        );
    });
}

/** By the commands that have been typed, with spaces between: what may come next. */
type Words = ReadonlyMap<string, { readonly commands: readonly string[]; readonly options: readonly string[] }>;

function wordsBelow(command: Command, path: string): Words {
  const commands = command.commands.map((each) => each.name());
  const options = [...command.options.flatMap(({ long }) => (long == null ? [] : [long])), '--help'];
  const below = command.commands.flatMap((each) => [
    ...wordsBelow(each, path === '' ? each.name() : `${path} ${each.name()}`),
  ]);
  return new Map([[path, { commands, options: [...new Set(options)] }], ...below]);
}

function bashScript(words: Words): string {
  const paths = [...words.keys()].filter((path) => path !== '');
  const cases = [...words].map(
    ([path, { commands, options }]) => `    '${path}') words='${[...commands, ...options].join(' ')}' ;;`,
  );
  return `_keyway() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.map((path) => `'${path}'`).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _keyway keyway
`;
}

function fishScript(words: Words): string {
  const lines = [...words].flatMap(([path, { commands, options }]) => {
    const typed = path === '' ? [] : path.split(' ');
    const seen = typed.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.join(' ')}`];
    const when = [...seen, ...none].join('; and ');
    const condition = when === '' ? '' : ` -n '${when}'`;
    return [
      ...(commands.length === 0 ? [] : [`complete -c keyway -f${condition} -a '${commands.join(' ')}'`]),
      ...options.map((option) => `complete -c keyway${condition} -l ${option.slice('--'.length)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}
