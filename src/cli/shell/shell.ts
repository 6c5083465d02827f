import { clusterWords } from './cluster-words.ts';
import type { ControllerClient } from './controller-client.ts';
import { readTyped, wordsOf } from './line.ts';
import { namesAt, placeWords } from './place-words.ts';
import { ShellFault } from './shell-fault.ts';
import { showCluster } from './show-cluster.ts';
import { placeText, type ShellContext, type Word } from './word.ts';

const help: Word = {
  name: 'help',
  usage: '[WORD]',
  summary: 'shows what can be typed',
  flags: { values: [], switches: [], plain: 1 },
  run: async (_context, { plain: [name] }) => {
    const shown = name === undefined ? WORDS : WORDS.filter((each) => each.name === name);
    if (shown.length === 0) throw new ShellFault(`there is no word ${name}`);
    return shown.map((each) => `${`${each.name} ${each.usage}`.trim()}\n    ${each.summary}\n`).join('');
  },
};

/** It ends the shell by itself. */
const exit: Word = {
  name: 'exit',
  usage: '',
  summary: 'ends the shell',
  flags: { values: [], switches: [], plain: 0 },
  run: async () => '',
};

const WORDS: readonly Word[] = [
  help,
  ...placeWords,
  ...clusterWords.slice(0, 1),
  showCluster,
  ...clusterWords.slice(1),
  exit,
];

/** Carries out what people type of clusters that controllers lead. */
export class Shell {
  readonly #context: ShellContext;
  #hasEnded = false;

  constructor(client: ControllerClient, readFile: ShellContext['readFile']) {
    this.#context = { client, readFile, place: { namespace: null, cluster: null } };
  }

  /** Somebody has said that it ends. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get prompt(): string {
    return `${placeText(this.#context.place)}> `;
  }

  /** @returns what is shown. @throws ShellFault; NamedFileFault */
  async run(line: string): Promise<string> {
    const [name, ...rest] = wordsOf(line);
    if (name === undefined) return '';
    const word = WORDS.find((each) => each.name === name);
    if (word === undefined) throw new ShellFault(`"${name}" is not understood; help shows what is`);
    const typed = readTyped(rest, word.flags);
    if (word === exit) this.#hasEnded = true;
    return word.run(this.#context, typed);
  }

  /** What a line may become by its last word: words, what they take, and what is there. */
  async completions(line: string): Promise<string[]> {
    const begun = line.slice(line.search(/\S*$/));
    const before = line.slice(0, line.length - begun.length).trim();
    if (before === '')
      return starting(
        WORDS.map(({ name }) => name),
        begun,
      );
    const word = WORDS.find(({ name }) => name === before.split(/\s/, 1)[0]);
    if (word === undefined) return [];
    if (word.name === 'help')
      return starting(
        WORDS.map(({ name }) => name),
        begun,
      );
    if (word.name !== 'cd') return starting([...word.flags.values, ...word.flags.switches], begun);
    if (begun.includes('/')) return [];
    return starting(await namesAt(this.#context.client, this.#context.place).catch(() => []), begun);
  }
}

function starting(names: readonly string[], begun: string): string[] {
  return names.filter((name) => name.startsWith(begun)).map((name) => `${name} `);
}
