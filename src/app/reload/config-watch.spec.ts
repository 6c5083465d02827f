import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ConfigWatch } from './config-watch.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function watched(
  ...names: string[]
): Promise<{ looks: (times: number) => Promise<void>; changes: () => number }> {
  let changes = 0;
  const watch = new ConfigWatch(
    () => names.map((name) => join(folder, name)),
    () => changes++,
  );
  await watch.taken();
  const looks = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await watch.look();
  };
  return { looks, changes: () => changes };
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

it('reports changed contents once, and unchanged contents never', async () => {
  write('a', 'one');
  const { looks, changes } = await watched('a');
  await looks(2);
  utimesSync(join(folder, 'a'), 1, 1);
  await looks(2);
  expect(changes()).toBe(0);
  write('a', 'two');
  await looks(3);
  expect(changes()).toBe(1);
  // Back to what it was before: that is a change too.
  write('a', 'one');
  await looks(3);
  expect(changes()).toBe(2);
});

it('waits for a write in progress, and for a missing file', async () => {
  write('a', 'one');
  const { looks, changes } = await watched('a');
  for (const part of ['', 't', 'tw']) {
    write('a', part);
    await looks(1);
  }
  rmSync(join(folder, 'a'));
  await looks(3);
  expect(changes()).toBe(0);
  write('a', 'two');
  await looks(2);
  expect(changes()).toBe(1);
});

it('notices that the file was replaced by another', async () => {
  write('a', 'one');
  const { looks, changes } = await watched('a');
  write('a.new', 'two');
  renameSync(join(folder, 'a.new'), join(folder, 'a'));
  await looks(2);
  expect(changes()).toBe(1);
});

it('notices that a link points elsewhere, as in a ConfigMap', async () => {
  for (const version of ['v1', 'v2']) {
    mkdirSync(join(folder, version));
    write(`${version}/a`, version);
  }
  symlinkSync('v1', join(folder, '..data'));
  symlinkSync('..data/a', join(folder, 'a'));
  const { looks, changes } = await watched('a');
  symlinkSync('v2', join(folder, '..tmp'));
  renameSync(join(folder, '..tmp'), join(folder, '..data'));
  await looks(2);
  expect(changes()).toBe(1);
});
