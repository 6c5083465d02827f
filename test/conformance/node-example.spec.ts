import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { Newcomer } from '../docs/newcomer.ts';
import { tourSteps } from '../docs/tour.ts';
import { freePorts, Running, Scope } from '../support/processes.ts';

/** The example in Node, as its README has it: with the package that `npm pack` makes, installed by npm, which takes its dependencies from the network. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = 'examples/participant-node/README.md';

const scope = new Scope();
afterEach(async () => {
  vi.unstubAllEnvs();
  await scope.release();
});

/** Runs a line as a shell does. npm passes no SIGKILL on, so that what it has started is ended with its group. */
function shell(command: string, cwd: string): Running {
  const running = new Running('sh', ['-c', command], { cwd, detached: true });
  scope.defer(() => {
    try {
      process.kill(-running.pid, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  });
  return running;
}

it('goes as its README says, line by line, in a folder that has nothing else', async () => {
  const folder = scope.folder();
  for (const name of ['keyway', 'store']) mkdirSync(join(folder, name));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', join(folder, 'keyway')], { cwd: ROOT });
  symlinkSync(join(ROOT, 'examples'), join(folder, 'keyway/examples'));
  const ports = await freePorts(5);
  const there = [9200, 8080, 9901, 9101, 9102];
  // What the README types is typed with the Node that this is.
  vi.stubEnv('PATH', `${dirname(process.execPath)}${delimiter}${process.env.PATH}`);
  const newcomer = new Newcomer((command) => shell(command, join(folder, 'store')), {
    here: new Map(there.map((port, i) => [String(port), String(ports[i])])),
  });
  const steps = tourSteps(readFileSync(join(ROOT, README), 'utf8'), '## Line by line');
  expect(steps.length).toBeGreaterThan(8);
  for (const step of steps) await newcomer.take(step);
}, 600_000);
