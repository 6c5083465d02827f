import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';
import { Newcomer } from '../docs/newcomer.ts';
import { tourSteps } from '../docs/tour.ts';
import { freePorts, Scope } from '../support/processes.ts';

/** The example in Node, as its README has it: with the package that `npm pack` makes, installed by npm, which takes its dependencies from the network. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = 'examples/participant-node/README.md';

const scope = new Scope();
afterEach(async () => {
  vi.unstubAllEnvs();
  await scope.release();
});

it('goes as its README says, line by line, in a folder that has nothing else', async () => {
  const folder = scope.folder();
  for (const name of ['keyway', 'store']) mkdirSync(join(folder, name));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', join(folder, 'keyway')], { cwd: ROOT });
  symlinkSync(join(ROOT, 'examples'), join(folder, 'keyway/examples'));
  const ports = await freePorts(5);
  const there = [9200, 8080, 9901, 9101, 9102];
  // What the README types is typed with the Node that this is.
  vi.stubEnv('PATH', `${dirname(process.execPath)}${delimiter}${process.env.PATH}`);
  const newcomer = new Newcomer((command) => scope.run('sh', ['-c', command], join(folder, 'store')), {
    here: new Map(there.map((port, i) => [String(port), String(ports[i])])),
  });
  const steps = tourSteps(readFileSync(join(ROOT, README), 'utf8'), '## Line by line');
  expect(steps.length).toBeGreaterThan(8);
  for (const step of steps) await newcomer.take(step);
}, 600_000);
