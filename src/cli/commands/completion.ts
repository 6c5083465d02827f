import { Argument, Command } from 'commander';
import { writeOut } from '../output/terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `keyway completion`: what a shell evaluates to complete commands and options. @param program with every command */
export function completionCommand(program: () => Promise<Command>): Command {
  return new Command('completion')
    .description('print a script for shell completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      '\nExample:\n  keyway completion bash > ~/.local/share/bash-completion/completions/keyway\n  keyway completion zsh > /usr/local/share/zsh/site-functions/_keyway\n  keyway completion fish > ~/.config/fish/completions/keyway.fish',
    )
    .action(async (shell: (typeof SHELLS)[number]) => {
      writeOut(SCRIPTS[shell](wordsBelow(await program(), '')));
    });
}

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (words: Words) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

interface Word {
  readonly word: string;
  readonly description: string;
}

/** By the commands that have been typed, with spaces between: what may come next. */
type Words = ReadonlyMap<string, { readonly commands: readonly Word[]; readonly options: readonly Word[] }>;

function wordsBelow(command: Command, path: string): Words {
  const commands = command.commands.map((each) => ({ word: each.name(), description: each.description() }));
  const options = command.options.flatMap(({ long, description, hidden }) =>
    long == null || hidden ? [] : [[long, { word: long, description }] as const],
  );
  const help = { word: '--help', description: 'display help for command' };
  const below = command.commands.flatMap((each) => [
    ...wordsBelow(each, path === '' ? each.name() : `${path} ${each.name()}`),
  ]);
  const all = new Map([...options, [help.word, help] as const]);
  return new Map([[path, { commands, options: [...all.values()] }], ...below]);
}

/** The paths of commands, as a shell's `case` takes them. */
function pathPatterns(words: Words): string {
  return [...words.keys()]
    .filter((path) => path !== '')
    .map((path) => `'${path}'`)
    .join('|');
}

const wordsOf = (words: readonly Word[]): string => words.map(({ word }) => word).join(' ');

function bashScript(words: Words): string {
  const cases = [...words].map(
    ([path, { commands, options }]) => `    '${path}') words='${wordsOf([...commands, ...options])}' ;;`,
  );
  return `_keyway() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${pathPatterns(words)}) path="\${path:+$path }$word" ;;
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

/** For a file in fpath, which is the function's body, as well as to be evaluated. */
function zshScript(words: Words): string {
  const listed = (all: readonly Word[]): string =>
    all.map(({ word, description }) => ` '${`${word}:${description}`.replaceAll("'", "'\\''")}'`).join('');
  const cases = [...words].map(
    ([path, { commands, options }]) =>
      `    '${path}')\n      commands=(${listed(commands)} )\n      options=(${listed(options)} ) ;;`,
  );
  return `#compdef keyway
_keyway() {
  local typed= word
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${typed:+$typed }$word" in
      ${pathPatterns(words)}) typed="\${typed:+$typed }$word" ;;
    esac
  done
  case "$typed" in
${cases.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}
if [[ \${funcstack[1]} == _keyway ]]; then _keyway "$@"; else compdef _keyway keyway; fi
`;
}

function fishScript(words: Words): string {
  const described = ({ description }: Word): string => ` -d '${description.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = [...words].flatMap(([path, { commands, options }]) => {
    const typed = path === '' ? [] : path.split(' ');
    const seen = typed.map((word) => `__fish_seen_subcommand_from ${word}`);
    const none = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${wordsOf(commands)}`];
    const when = [...seen, ...none].join('; and ');
    const condition = when === '' ? '' : ` -n '${when}'`;
    return [
      ...commands.map((each) => `complete -c keyway -f${condition} -a '${each.word}'${described(each)}`),
      ...options.map((each) => `complete -c keyway${condition} -l ${each.word.slice('--'.length)}${described(each)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}
