/** What README and docs say that commands print, line by line, in a checkout. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { freePorts, KEYWAY, Scope } from '../support/processes.ts';
import { Newcomer } from './newcomer.ts';
import { type Step, tourSteps } from './tour.ts';

const scope = new Scope();
afterEach(async () => {
  vi.unstubAllEnvs();
  await scope.release();
});

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LISTEN = '127.0.0.1:8080';
const ADMIN = '127.0.0.1:9901';
const REGISTRY = '127.0.0.1:9200';

/** A newcomer in a checkout with a `.keyway` of its own, and with addresses that nobody else has. */
async function newcomerHere(): Promise<Newcomer> {
  const ports = await freePorts(3);
  const [listen, admin, registry] = ports.map((port) => `127.0.0.1:${port}`) as [string, string, string];
  const folder = scope.folder();
  for (const name of ['package.json', 'node_modules', 'src', 'protos', 'examples'])
    symlinkSync(join(ROOT, name), join(folder, name));
  // As npx has it, for what the load calls.
  mkdirSync(join(folder, 'bin'));
  symlinkSync(KEYWAY, join(folder, 'bin/keyway'));
  vi.stubEnv('PATH', `${join(folder, 'bin')}${delimiter}${process.env.PATH}`);
  vi.stubEnv('KEYWAY_ENDPOINT', listen);
  vi.stubEnv('KEYWAY_REGISTRY', registry);
  const newcomer = new Newcomer((command) => scope.run('sh', ['-c', command], folder), {
    here: new Map([
      [LISTEN, listen],
      [ADMIN, admin],
      [REGISTRY, registry],
      // By npx each takes a second more, which says nothing of what is printed.
      ['npx keyway', `${process.execPath} ${KEYWAY}`],
    ]),
    devOptions: `--listen ${listen} --admin ${admin} --registry ${registry}`,
  });
  // npm passes no SIGKILL on; the shards end with the router.
  scope.defer(() => {
    for (const pid of newcomer.pids) end(pid);
  });
  return newcomer;
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function stepsOf(file: string, heading: string): Step[] {
  return tourSteps(readFileSync(join(ROOT, file), 'utf8'), heading);
}

it("goes as README's tour says, line by line", async () => {
  const newcomer = await newcomerHere();
  const steps = stepsOf('README.md', '## Two minutes');
  expect(steps.filter(({ command }) => command !== null).length).toBeGreaterThan(10);
  for (const step of steps) await newcomer.take(step);
}, 240_000);

it("does housekeeping as docs/housekeeping.md says, in README's cluster", async () => {
  const newcomer = await newcomerHere();
  const [start] = stepsOf('README.md', '## Two minutes') as [Step];
  const steps = stepsOf('docs/housekeeping.md', '## Turns');
  expect(steps.length).toBeGreaterThan(5);
  for (const step of [{ ...start, command: 'npx keyway dev' }, ...steps]) await newcomer.take(step);
}, 240_000);
