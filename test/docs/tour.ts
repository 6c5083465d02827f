/** What a reader of a document does in a terminal, and what it says that is printed. */
export interface Step {
  /** The name of a terminal in which something goes on running; empty: one in which commands end. */
  readonly terminal: string;
  /** Null: what was begun in that terminal prints more. */
  readonly command: string | null;
  readonly printed: readonly string[];
}

/** Commands that run until somebody ends them, and what a document calls their terminals. */
const LASTING: ReadonlyArray<readonly [command: RegExp, terminal: string]> = [
  [/^npm start\b/, 'npm start'],
  [/^npx keyway dev\b/, 'npm start'],
  [/^npx keyway kv watch\b/, 'the watch'],
  [/^npx keyway registry\b/, 'the registry'],
  [/^npx keyway router --config (?!beside)/, 'the router'],
  [/^npx keyway router --config beside/, 'the router beside a client'],
  [/^npx keyway sidecar .*--shard s0\b/, 's0'],
  [/^npx keyway sidecar .*--shard s1\b/, 's1'],
  [/^node store\.mjs .*--shard s0\b/, 's0'],
  [/^node store\.mjs .*--shard s1\b/, 's1'],
];

/**
 * The steps of a section of Markdown. In a block of code a line that begins with `$ ` is a command, and what follows is printed by it; a
 * block without one shows what the terminal prints that is named before it: "In the terminal of the watch".
 */
export function tourSteps(markdown: string, heading: string): Step[] {
  const [section = ''] = (markdown.split(`${heading}\n`)[1] ?? '').split(/^## /m);
  const steps: Step[] = [];
  for (const [, before = '', language, block = ''] of section.matchAll(/([\s\S]*?)^```(\w*)\n([\s\S]*?)^```\n/gm)) {
    // A file to be written.
    if (language !== '') continue;
    const lines = block.trimEnd().split('\n');
    if (!block.startsWith('$ ')) {
      const terminal = /In the terminal of `?(the watch|npm start)/.exec(before)?.[1];
      if (terminal === undefined) throw new Error(`which terminal prints this? ${block}`);
      steps.push({ terminal, command: null, printed: lines });
      continue;
    }
    for (const part of block.split(/^\$ /m).slice(1)) {
      const [command, printed] = typed(part.trimEnd().split('\n'));
      steps.push({ terminal: LASTING.find(([pattern]) => pattern.test(command))?.[1] ?? '', command, printed });
    }
  }
  return steps;
}

/** A command, with the document that it is given where there is one (`<<'END'`), and what is printed. */
function typed([first = '', ...rest]: readonly string[]): [command: string, printed: readonly string[]] {
  const [, end] = /<<'(\w+)'$/.exec(first) ?? [];
  const lines = end === undefined ? 0 : rest.indexOf(end) + 1;
  return [[first, ...rest.slice(0, lines)].join('\n'), rest.slice(lines)];
}
