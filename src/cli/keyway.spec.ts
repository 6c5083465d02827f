import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs the command on an older Node, beside a pinned one that is a script of the shell. */
function runBeside(pinned: string): { status: number | null; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
  folders.push(folder);
  const bin = join(folder, `node_modules/node-${process.platform}-${process.arch}/bin`);
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, '../package.json'), '{}');
  writeFileSync(join(bin, 'node'), `#!/bin/sh\n${pinned}\n`, { mode: 0o755 });
  const command = join(folder, 'keyway.mjs');
  copyFileSync(fileURLToPath(new URL('keyway.js', import.meta.url)), command);
  const older = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.19.0'})`;
  return spawnSync(process.execPath, ['--import', older, command, 'version'], { encoding: 'utf8' });
}

it('says what to install if the pinned Node lacks a library', () => {
  const { status, stderr } = runBeside('exit 127');
  expect(status).toBe(127);
  expect(stderr).toMatch(/^keyway: the pinned Node does not start here: .*apt-get install libatomic1\n$/);
});

it('passes exit code 127 on if the pinned Node starts', () => {
  const { status, stderr } = runBeside('[ "$1" = --version ] || exit 127');
  expect(status).toBe(127);
  expect(stderr).toBe('');
});
