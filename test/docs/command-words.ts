import type { Command } from 'commander';

/** What is wrong with a line behind `keyway`, as far as it goes: `shard add|remove`, `status --json`, `topology get > docs.yaml`. */
export function wordFaults(program: Command, line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const end = words.findIndex((word) => /^(?:[<>|;&]+|…)$/.test(word));
  const { command, rest, fault } = commandOf(program, end < 0 ? words : words.slice(0, end));
  return fault === null ? argumentFaults(command, rest) : [fault];
}

interface Called {
  readonly command: Command;
  readonly rest: readonly string[];
  readonly fault: string | null;
}

/** The command that words name; of several with bars between, the first. */
function commandOf(program: Command, words: readonly string[]): Called {
  let command = program;
  let rest = words;
  while (command.commands.length > 0 && rest[0] !== undefined && !rest[0].startsWith('-')) {
    const found = rest[0].split('|').map((name) => command.commands.find((each) => each.name() === name));
    if (command.registeredArguments.length > 0 && found[0] === undefined) break;
    if (found.some((each) => each === undefined))
      return { command, rest, fault: `${command.name()} has no ${rest[0]}` };
    command = found[0] as Command;
    rest = rest.slice(1);
  }
  return { command, rest, fault: null };
}

function argumentFaults(command: Command, words: readonly string[]): string[] {
  const faults: string[] = [];
  const given: string[] = [];
  for (let i = 0; i < words.length && words[i] !== '--'; i++) {
    const word = words[i] as string;
    const option = command.options.find(({ long }) => long === word.split('=', 1)[0]);
    if (!/^-./.test(word)) given.push(word);
    else if (option === undefined) faults.push(`${command.name()} has no ${word}`);
    else if (option.variadic) while (words[i + 1]?.startsWith('-') === false) i++;
    else if (option.required && !word.includes('=')) i++;
  }
  const taken = command.registeredArguments;
  if (given.length > taken.length && taken.at(-1)?.variadic !== true)
    faults.push(`${command.name()} takes no ${given.at(-1)}`);
  for (const [i, word] of given.entries()) {
    try {
      taken[i]?.parseArg?.(word, undefined);
    } catch (error) {
      faults.push(String(error));
    }
  }
  return faults;
}
