/**
 * The first hour of somebody who has just cloned the project, on a machine with nothing but Node and npm: what README and docs have them do,
 * compared with what they say is printed; `npm test`; the package that is installed; and what is left behind.
 *
 *     npm run first-hour
 *     npm run first-hour -- --load 8        # beside eight busy loops
 *     npm run first-hour -- --without-tests
 *
 * It needs root and `debootstrap` for a Debian of its own. Without them it hides what is not in a least PATH.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { Newcomer } from '../docs/newcomer.ts';
import { type Step, tourSteps } from '../docs/tour.ts';
import { leftProcesses } from '../support/left-processes.ts';
import type { Running } from '../support/processes.ts';
import { type BareMachine, bareMachine, busyLoops, checked, interrupt, LOCAL_LIMIT_MS } from './bare-machine.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHECKOUT = 'keyway';
const PACKAGE = 'keyway-0.1.0.tgz';
/** What a step may take: none takes a minute on a machine that does nothing else, and it may be one with eight busy loops. */
const STEP_LIMIT_MS = 10 * 60_000;
/** It takes five minutes on two cores that do nothing else. */
const TESTS_LIMIT_MS = 60 * 60_000;

interface Row {
  readonly step: string;
  readonly result: string;
  readonly seconds: number;
}

/** Which tests failed and why, of which a long run has told more than its last lines hold; and those. */
function whatMatters(output: string): string {
  const plain = stripVTControlCharacters(output);
  const failures = plain.split('\n').filter((each) => /^\s*FAIL |^\w*Error: /.test(each));
  return [...new Set(failures), plain.slice(-3000)].join('\n');
}

class FirstHour {
  readonly rows: Row[] = [];
  readonly #machine: BareMachine;
  /** What the step that is being taken has started. */
  readonly #started: Running[] = [];

  constructor(machine: BareMachine) {
    this.#machine = machine;
  }

  /** Takes a step, and notes what came of it. What fails stops nothing. */
  async #step(step: string, take: () => Promise<string | undefined>, limitMs = STEP_LIMIT_MS): Promise<boolean> {
    console.log(`          ${step} …`);
    const begun = performance.now();
    let result = 'as said';
    let went = true;
    const late = new AbortController();
    try {
      const tooLate = sleep(limitMs, undefined, { signal: late.signal }).then(() => {
        throw new Error(`took longer than ${limitMs / 60_000} minutes:\n${this.#whatRuns()}`);
      });
      result = (await Promise.race([take(), tooLate])) ?? result;
    } catch (error) {
      result = `FAILED: ${(error as Error).message}`;
      went = false;
      this.endAll();
    } finally {
      late.abort();
    }
    const row = { step, result, seconds: (performance.now() - begun) / 1000 };
    this.rows.push(row);
    console.log(`${row.seconds.toFixed(1).padStart(7)} s  ${step}: ${result}`);
    return went;
  }

  #shell(line: string, folder: string, net?: 'outside' | 'alone'): Running {
    const running = this.#machine.shell(line, folder, net);
    this.#started.push(running);
    return running;
  }

  /** Ends what the steps have started. */
  endAll(): void {
    for (const running of this.#started.splice(0)) if (!running.hasEnded) interrupt(running, 'SIGKILL');
  }

  /** What the processes of this step that have not ended have printed. */
  #whatRuns(): string {
    const running = this.#started.filter((each) => !each.hasEnded);
    return running.map((each) => `$ ${each.child.spawnargs.at(-1)}\n${each.output.slice(-3000)}`).join('\n');
  }

  async take(withTests: boolean): Promise<void> {
    if (!(await this.#step('npm ci', () => this.#quietly('npm ci', CHECKOUT)))) return;
    await this.#inOneTerminal('README, two minutes', [this.#stepsOf('README.md', '## Two minutes')]);
    const [start] = this.#stepsOf('README.md', '## Two minutes') as [Step];
    await this.#step("README's data is removed", () => this.#quietly('rm -rf .keyway', CHECKOUT));
    await this.#inOneTerminal('docs/housekeeping.md, turns', [
      [{ ...start, command: 'npx keyway dev' }],
      this.#stepsOf('docs/housekeeping.md', '## Turns'),
    ]);
    await this.#step("README, a backend of one's own: --check", () => this.#ownConfig());
    if (withTests) await this.#step('npm test', () => this.#tests(), TESTS_LIMIT_MS);
    await this.#step('npm pack', () => this.#quietly(`npm pack --silent`, CHECKOUT));
    await this.#step('npm install --global', () =>
      this.#quietly(`npm install --global --prefix ~/installed ./${PACKAGE} && rm ${PACKAGE}`, CHECKOUT),
    );
    await this.#step('the installed command', () => this.#installedCommand());
    await this.#step('what git sees', () => this.#checkoutIsClean());
  }

  #stepsOf(file: string, heading: string): Step[] {
    return tourSteps(readFileSync(join(this.#machine.home, CHECKOUT, file), 'utf8'), heading);
  }

  /** A command that succeeds and has nothing to warn of. */
  async #quietly(line: string, folder: string): Promise<string | undefined> {
    const output = await this.#succeeds(line, folder, 'outside');
    const warnings = output.split('\n').filter((each) => /warn|deprecated|vulnerab|error/i.test(each));
    if (warnings.length > 0) throw new Error(`warns:\n${warnings.join('\n')}`);
    return undefined;
  }

  async #succeeds(line: string, folder: string, net: 'outside' | 'alone' = 'alone'): Promise<string> {
    const running = this.#shell(line, folder, net);
    const code = await running.exit();
    if (code !== 0) throw new Error(`${line} ended with ${code}:\n${whatMatters(running.output)}`);
    return running.output;
  }

  /** A document's lines, and Ctrl-C in the terminals that they have opened. */
  async #inOneTerminal(name: string, parts: ReadonlyArray<readonly Step[]>): Promise<void> {
    const newcomer = new Newcomer((line) => this.#shell(line, CHECKOUT));
    let lines = 0;
    await this.#step(name, async () => {
      for (const step of parts.flat()) {
        await newcomer.take(step);
        lines += 1;
      }
      return `as said, ${lines} steps`;
    });
    await this.#step('  Ctrl-C', async () => {
      const [watch, dev] = [newcomer.terminal('the watch'), newcomer.terminal('npm start')];
      for (const running of [watch, dev]) if (running !== undefined) await this.#endsQuietly(running);
      return undefined;
    });
    this.endAll();
  }

  async #endsQuietly(running: Running): Promise<void> {
    const before = running.output.length;
    interrupt(running);
    const code = await running.exit();
    const more = running.output.slice(before);
    if (/error|warn|exception/i.test(more)) throw new Error(`at its end (${code}) it printed:\n${more}`);
  }

  async #ownConfig(): Promise<string | undefined> {
    const readme = readFileSync(join(this.#machine.home, CHECKOUT, 'README.md'), 'utf8');
    const [, config = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(readme) ?? [];
    const output = await this.#succeeds(
      `cat > ~/keyway.yaml <<'END' && npx keyway router --config ~/keyway.yaml --check\n${config}END`,
      CHECKOUT,
    );
    return `as said: ${output.trim().split('\n').at(-1)}`;
  }

  async #tests(): Promise<string> {
    const output = await this.#succeeds('npm test', CHECKOUT);
    const [, counts = ''] = /Tests\s+(.*)/.exec(stripVTControlCharacters(output)) ?? [];
    return counts.trim();
  }

  async #installedCommand(): Promise<string> {
    const version = await this.#succeeds('~/installed/bin/keyway version', '.');
    const running = this.#shell('exec ~/installed/bin/keyway dev', '.');
    await running.printed(/^shard +s2 .*$/m);
    interrupt(running);
    const code = await running.exit();
    if (code !== 0) throw new Error(`Ctrl-C ended it with ${code}:\n${running.output}`);
    return `${version.trim().split('\n')[0]}; dev ends with 0 at Ctrl-C`;
  }

  async #checkoutIsClean(): Promise<string | undefined> {
    // Of the user whose files they are, not of who runs this.
    const git = ['-c', 'safe.directory=*', '-C', join(this.#machine.home, CHECKOUT), 'status', '--porcelain'];
    const { stdout } = spawnSync('git', git, { encoding: 'utf8' });
    if (stdout !== '') throw new Error(`there are changes:\n${stdout}`);
    return undefined;
  }

  async nothingIsLeft(mark: string): Promise<void> {
    await this.#step('nothing is left', async () => {
      const processes = await leftProcesses(mark);
      for (const { pid } of processes) process.kill(pid, 'SIGKILL');
      const temporary = join(this.#machine.home, '../../tmp');
      const files = this.#machine.kind.startsWith('Debian')
        ? readdirSync(temporary).filter((name) => !/^node-compile-cache$/.test(name))
        : [];
      const left = [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...files];
      if (left.length > 0) throw new Error(left.join('\n'));
      return undefined;
    });
  }
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ step, result, seconds }) => `| ${step} | ${result.split('\n')[0]} | ${seconds.toFixed(1)} |`,
  );
  return ['| step | result | seconds |', '| --- | --- | --- |', ...lines].join('\n');
}

const { values } = parseArgs({
  options: { load: { type: 'string', default: '0' }, 'without-tests': { type: 'boolean', default: false } },
});
const mark = `KEYWAY_FIRST_HOUR=${randomUUID()}`;
const machine = await bareMachine(mark);
const endLoad = await busyLoops(Number(values.load));
const hour = new FirstHour(machine);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    hour.endAll();
    endLoad();
    machine.release();
    process.exit(1);
  });
try {
  console.log(`${machine.kind}; beside ${values.load} busy loops`);
  const checkout = join(machine.home, CHECKOUT);
  checked(LOCAL_LIMIT_MS, 'git', 'clone', '--quiet', '--no-hardlinks', ROOT, checkout);
  if (machine.kind.startsWith('Debian')) checked(LOCAL_LIMIT_MS, 'chown', '-R', '1000:1000', machine.home);
  await hour.take(!values['without-tests']);
  await hour.nothingIsLeft(mark);
} finally {
  endLoad();
  machine.release();
}
console.log(`\n${table(hour.rows)}`);
process.exitCode = hour.rows.some(({ result }) => result.startsWith('FAILED')) ? 1 : 0;
