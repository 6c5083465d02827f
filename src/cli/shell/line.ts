import { ShellFault } from './shell-fault.ts';

/** The words of a line; what stands in quotes is one. What follows a `#` is a comment. @throws ShellFault where quotes do not end */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:#.*$|((?:[^\s"'#]|"[^"]*"|'[^']*')(?:[^\s"']|"[^"]*"|'[^']*')*)|(\S))/gy;
  for (const [, word, rest] of line.trimEnd().matchAll(pattern)) {
    if (rest !== undefined) throw new ShellFault('a quote does not end');
    if (word !== undefined)
      words.push(word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
  }
  return words;
}

/** What a word takes behind it. */
export interface Flags {
  /** Each has a value. */
  readonly values: readonly string[];
  /** Each is there or not. */
  readonly switches: readonly string[];
  /** How many words stand by themselves, at most. */
  readonly plain: number;
}

/** What was typed behind a word. */
export interface Typed {
  /** The value of a flag; null: it is not there. */
  value(flag: string): string | null;
  has(flag: string): boolean;
  readonly plain: readonly string[];
}

/** @throws ShellFault where something is not known, stands twice or has no value */
export function readTyped(words: readonly string[], flags: Flags): Typed {
  const values = new Map<string, string>();
  const switches = new Set<string>();
  const plain: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (flags.switches.includes(word)) switches.add(word);
    else if (flags.values.includes(word)) {
      const value = words[++i];
      if (value === undefined) throw new ShellFault(`${word} needs a value`);
      if (values.has(word)) throw new ShellFault(`${word} stands twice`);
      values.set(word, value);
    } else if (!word.startsWith('-') && plain.length < flags.plain) plain.push(word);
    else throw new ShellFault(`"${word}" is not understood; help shows what is`);
  }
  return { value: (flag) => values.get(flag) ?? null, has: (flag) => switches.has(flag), plain };
}
