import { commands } from '../commands/index.ts';

/** One of ACL: `+@read`, `-keys`, `+config|get`, `allcommands`. */
const TERM = /^([+-])(@?)([a-z0-9_.|-]+)$/;

/**
 * Which commands the terms of an ACL allow, by the commands' numbers: each term in turn adds a command with its subcommands, a subcommand or a
 * category, or takes it away.
 * @throws Error where a term is none, or names nothing that there is
 */
export function allowedBy(terms: string): Uint8Array {
  const allowed = new Uint8Array(commands.length);
  for (const term of terms.toLowerCase().split(/\s+/).filter(Boolean)) {
    if (term === 'allcommands' || term === 'nocommands') allowed.fill(term === 'allcommands' ? 1 : 0);
    else apply(term, allowed);
  }
  return allowed;
}

/** What is wrong with the terms of an ACL; null: nothing. */
export function termsFault(terms: string): string | null {
  try {
    allowedBy(terms);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function apply(term: string, allowed: Uint8Array): void {
  const [, sign, at, name = ''] = TERM.exec(term) ?? [];
  const isMeant = at === '@' ? isOf(name) : isCalled(name);
  const meant = sign === undefined ? [] : commands.filter(isMeant);
  if (meant.length === 0)
    throw new Error(
      `"${term}" is no term of an ACL: write +@category, -@category, +command or -command, such as +@read`,
    );
  for (const { index } of meant) allowed[index] = sign === '+' ? 1 : 0;
}

type Named = (typeof commands)[number];

function isOf(category: string): (command: Named) => boolean {
  return ({ categories }) => category === 'all' || categories.includes(category);
}

function isCalled(name: string): (command: Named) => boolean {
  return (command) => command.name === name || command.name.startsWith(`${name}|`);
}
