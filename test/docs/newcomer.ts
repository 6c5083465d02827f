import { hostname } from 'node:os';
import type { Running } from '../support/processes.ts';
import type { Step } from './tour.ts';

/** Stands for a time while the rest of its line becomes a pattern. */
const A_TIME = '\0';

/** Somebody who types what a document says, in terminals of one kind, and compares what is printed. */
export class Newcomer {
  readonly #start: (command: string) => Running;
  readonly #here: Map<string, string>;
  readonly #devOptions: string;
  readonly #terminals = new Map<string, Running>();
  readonly #seen = new Map<string, string[]>();

  /**
   * @param start runs a line as a shell does, in the folder of a checkout
   * @param here the document's text for what is another here: addresses, the command. Pids are added as they are printed.
   * @param devOptions what has `keyway dev` listen on these addresses
   */
  constructor(
    start: (command: string) => Running,
    { here = new Map<string, string>(), devOptions = '' }: { here?: Map<string, string>; devOptions?: string } = {},
  ) {
    this.#start = start;
    this.#here = here;
    this.#devOptions = devOptions;
  }

  /** What runs on in a terminal that was opened. */
  terminal(name: string): Running | undefined {
    return this.#terminals.get(name);
  }

  /** The pids that the document's terminals have printed here. */
  get pids(): number[] {
    return [...this.#here].filter(([there]) => /^\d+$/.test(there)).map(([, here]) => Number(here));
  }

  /**
   * Does a step, and compares what is printed with what the document says.
   * @throws Error that shows both
   */
  async take({ terminal, command, printed }: Step): Promise<void> {
    if (command === null) await this.#isPrintedOn(terminal, printed);
    else if (terminal !== '') {
      const separator = command.startsWith('npm ') ? ' --' : '';
      const options = terminal === 'npm start' && this.#devOptions !== '' ? `${separator} ${this.#devOptions}` : '';
      this.#terminals.set(terminal, this.#start(`exec ${this.#asHere(command)}${options}`));
      await this.#isPrintedOn(terminal, printed);
      this.#learnPids(terminal, printed);
    } else {
      const output = (await this.#outputOf(command)).trimEnd();
      const expected = new RegExp(`^${printed.map((line) => this.#pattern(line)).join('\n')}$`);
      if (!expected.test(output))
        throw new Error(`$ ${command}\nthe document says:\n${printed.join('\n')}\nit printed:\n${output}`);
    }
  }

  /** The lines come in this order; others may stand between them. */
  async #isPrintedOn(terminal: string, printed: readonly string[]): Promise<void> {
    const running = this.#terminals.get(terminal);
    if (running === undefined) throw new Error(`the document speaks of a terminal that it has not opened: ${terminal}`);
    const lines = [...(this.#seen.get(terminal) ?? []), ...printed];
    this.#seen.set(terminal, lines);
    await running.printed(new RegExp(lines.map((line) => `^${this.#pattern(line)}$`).join('[\\s\\S]*?\n'), 'm'));
  }

  /** The pids that the document prints stand for those that were printed here. */
  #learnPids(terminal: string, printed: readonly string[]): void {
    for (const line of printed) {
      const [, before, pid] = /^(.*pid )(\d+)$/.exec(line) ?? [];
      if (before === undefined || pid === undefined) continue;
      const found = new RegExp(`^${this.#pattern(before)}(\\d+)$`, 'm').exec(
        this.#terminals.get(terminal)?.output ?? '',
      );
      this.#here.set(pid, found?.[1] as string);
    }
  }

  async #outputOf(command: string): Promise<string> {
    const running = this.#start(command.startsWith('curl ') ? asFetch(this.#asHere(command)) : this.#asHere(command));
    await running.exit();
    return running.output;
  }

  #asHere(text: string): string {
    const names = [...this.#here.keys()].sort((a, b) => b.length - a.length);
    if (names.length === 0) return text;
    // All in one pass: what stands for one of them may have another's name in it.
    const pattern = new RegExp(names.map((name) => RegExp.escape(name)).join('|'), 'g');
    return text.replaceAll(pattern, (there) => this.#here.get(there) as string);
  }

  /**
   * What a line of a document matches: numbers are any numbers, but for versions and revisions; a time is any time, or none yet; columns are any
   * width; `…` is anything.
   */
  #pattern(line: string): string {
    return line
      .replaceAll('laptop', hostname())
      .replaceAll(/\d+-\d+-\d+T[\d:]+Z|(?<= {2})-(?= {2})/g, A_TIME)
      .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      .replaceAll(/(?<!version |revision |revision":|@|[0-9])\b\d+/g, '\\d+')
      .replaceAll(A_TIME, '(?:-|[\\d:TZ-]+)')
      .replaceAll(/ {2,}/g, ' +')
      .replaceAll('…', '[\\s\\S]*');
  }
}

/** The line of a shell that prints what curl would: it is not on every machine. */
function asFetch(curl: string): string {
  const words = [...curl.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  const after = (...flags: string[]): string[] => words.filter((_, i) => flags.includes(words[i - 1] ?? ''));
  const [body] = after('-d', '--data');
  const headers = after('-H').map((header) => header.split(': '));
  const method = after('-X')[0] ?? (body === undefined ? 'GET' : 'POST');
  const url = words.find((word, i) => i > 0 && !word.startsWith('-') && !words[i - 1]?.startsWith('-')) as string;
  const script =
    'const [url, options] = JSON.parse(process.argv[1]); fetch(url, options).then((r) => r.text()).then((t) => console.log(t))';
  const request = JSON.stringify([url.includes('://') ? url : `http://${url}`, { method, headers, body }]);
  return `exec node -e '${script}' '${request}'`;
}
