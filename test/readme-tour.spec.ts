import { readFileSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { freePorts, type Running, Scope } from './support/processes.ts';
import { type Step, tourSteps } from './support/tour.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Somebody who types what README says, each terminal in the checkout's folder. */
class Newcomer {
  readonly #folder: string;
  /** README's text for what is another here: addresses, and then pids. */
  readonly #here: Map<string, string>;
  readonly #terminals = new Map<string, Running>();
  readonly #seen = new Map<string, string[]>();

  constructor(folder: string, here: Map<string, string>) {
    this.#folder = folder;
    this.#here = here;
  }

  /** Does a step, and compares what is printed with what README says. */
  async take({ terminal, command, printed }: Step): Promise<void> {
    if (command === null) await this.#isPrintedOn(terminal, printed);
    else if (terminal !== '') {
      const more = terminal === 'npm start' ? ` -- ${this.#devOptions()}` : '';
      this.#terminals.set(terminal, this.#run(`exec ${this.#asHere(command)}${more}`));
      await this.#isPrintedOn(terminal, printed);
      this.#learnPids(terminal, printed);
    } else {
      const output = command.startsWith('curl ') ? await curled(this.#asHere(command)) : await this.#outputOf(command);
      expect(output.trimEnd(), command).toMatch(
        new RegExp(`^${printed.map((line) => this.#pattern(line)).join('\n')}$`),
      );
    }
  }

  #devOptions(): string {
    const [listen, admin, registry] = [...this.#here.values()];
    return `--listen ${listen} --admin ${admin} --registry ${registry}`;
  }

  /** The lines come in this order; others may stand between them. */
  async #isPrintedOn(terminal: string, printed: readonly string[]): Promise<void> {
    const running = this.#terminals.get(terminal);
    if (running === undefined) throw new Error(`README speaks of a terminal that it has not opened: ${terminal}`);
    const lines = [...(this.#seen.get(terminal) ?? []), ...printed];
    this.#seen.set(terminal, lines);
    await running.printed(new RegExp(lines.map((line) => `^${this.#pattern(line)}$`).join('[\\s\\S]*?\n'), 'm'));
  }

  /** The pids that README prints stand for those that were printed here. */
  #learnPids(terminal: string, printed: readonly string[]): void {
    for (const line of printed) {
      const [, before, pid] = /^(.*pid )(\d+)$/.exec(line) ?? [];
      if (before === undefined || pid === undefined) continue;
      const found = new RegExp(`^${this.#pattern(before)}(\\d+)$`, 'm').exec(
        this.#terminals.get(terminal)?.output ?? '',
      );
      this.#here.set(pid, found?.[1] as string);
      // npm passes no SIGKILL on; the shards end with the router.
      if (before.startsWith('router')) scope.defer(() => end(Number(found?.[1])));
    }
  }

  #run(command: string): Running {
    return scope.run('sh', ['-c', command], this.#folder);
  }

  async #outputOf(command: string): Promise<string> {
    const running = this.#run(this.#asHere(command));
    await running.exit();
    return running.output;
  }

  #asHere(text: string): string {
    return [...this.#here].reduce((all, [there, here]) => all.replaceAll(there, here), text);
  }

  /** What a line of README matches: numbers are any numbers, but for versions and revisions; columns are any width; `…` is anything. */
  #pattern(line: string): string {
    return line
      .replaceAll('laptop', hostname())
      .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
      .replaceAll(/(?<!version |revision |revision":|@|[0-9])\b\d+/g, '\\d+')
      .replaceAll(/ {2,}/g, ' +')
      .replaceAll('…', '[\\s\\S]*');
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** What curl prints: it is not on every machine. */
async function curled(command: string): Promise<string> {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  const after = (flag: string): string[] => words.filter((_, i) => words[i - 1] === flag);
  const headers = after('-H').map((header) => header.split(': ') as [string, string]);
  const [body] = after('-d');
  const url = words[1] as string;
  const response = await fetch(url, body === undefined ? { headers } : { method: 'POST', headers, body });
  return response.text();
}

it("goes as README's tour says, line by line", async () => {
  const ports = await freePorts(3);
  const addresses = ['127.0.0.1:8080', '127.0.0.1:9901', '127.0.0.1:9200'];
  const here = new Map(addresses.map((address, i) => [address, `127.0.0.1:${ports[i]}`]));
  // A checkout, with a `.keyway` of its own.
  const folder = scope.folder();
  for (const name of ['package.json', 'node_modules', 'src', 'protos'])
    symlinkSync(join(ROOT, name), join(folder, name));
  vi.stubEnv('KEYWAY_ENDPOINT', here.get('127.0.0.1:8080'));
  vi.stubEnv('KEYWAY_REGISTRY', here.get('127.0.0.1:9200'));
  const newcomer = new Newcomer(folder, here);
  const steps = tourSteps(readFileSync(join(ROOT, 'README.md'), 'utf8'), '## Two minutes');
  expect(steps.filter(({ command }) => command !== null).length).toBeGreaterThan(10);
  for (const step of steps) await newcomer.take(step);
}, 240_000);
