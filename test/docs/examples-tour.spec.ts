/** What an example's README says that commands print, line by line. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { freePorts, KEYWAY, Scope } from '../support/processes.ts';
import { Newcomer } from './newcomer.ts';
import { tourSteps } from './tour.ts';

const scope = new Scope();
/** What runs on in terminals takes its backend along where it is told to end. */
const terminals: Array<() => unknown> = [];
afterEach(async () => {
  await Promise.all(terminals.splice(0).map((end) => end()));
  await scope.release();
});

const EXAMPLE = fileURLToPath(new URL('../../examples/sidecar/', import.meta.url));
const PORTS = [9200, 8080, 8081, 9901, 9902, 9101, 9102, 9111, 9112, 9121, 9122];

it('goes as the example of the sidecar says: a gateway, a router beside a client, and calls of a backend', async () => {
  const folder = scope.folder();
  copyFileSync(join(EXAMPLE, 'notes.mjs'), join(folder, 'notes.mjs'));
  const ports = await freePorts(PORTS.length);
  const here = new Map(PORTS.map((port, i) => [String(port), String(ports[i])]));
  // By npx each takes a second more, which says nothing of what is printed.
  here.set('npx keyway', `${process.execPath} ${KEYWAY}`);
  const newcomer = new Newcomer((command) => scope.run('sh', ['-c', command], folder), { here });
  for (const name of ['s0', 's1']) terminals.push(() => newcomer.terminal(name)?.end());
  const steps = tourSteps(readFileSync(join(EXAMPLE, 'README.md'), 'utf8'), '## Line by line');
  expect(steps.length).toBeGreaterThan(10);
  for (const step of steps) await newcomer.take(step);
});
