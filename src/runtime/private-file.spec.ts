import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KeptTopologies } from '../control/kept-topologies.ts';
import { OperationLog } from '../shard/operation-log.ts';
import type { Topology } from '../topology/index.ts';
import { keepPrivate, makePrivateFile, makePrivateFolder, writePrivateFile } from './private-file.ts';

const folder = join(tmpdir(), `keyway-private-${process.pid}`);
const umask = process.umask();
beforeEach(() => {
  process.umask(0);
  mkdirSync(folder);
});
afterEach(() => {
  process.umask(umask);
  rmSync(folder, { recursive: true });
});

const modeOf = (path: string): number => statSync(path).mode & 0o777;

it('makes files and folders that are their owner’s alone, and takes from others what is there', () => {
  makePrivateFolder(join(folder, 'a', 'b'));
  expect([modeOf(join(folder, 'a')), modeOf(join(folder, 'a', 'b'))]).toEqual([0o700, 0o700]);
  const file = join(folder, 'file');
  makePrivateFile(file);
  expect(modeOf(file)).toBe(0o600);
  chmodSync(file, 0o644);
  makePrivateFile(file);
  expect(modeOf(file)).toBe(0o600);
  keepPrivate(join(folder, 'nowhere'));
  makePrivateFolder(folder);
  expect(modeOf(folder)).not.toBe(0o700);
});

it('reports a file that is in the place of a folder', () => {
  writeFileSync(join(folder, 'file'), '');
  const wanted = `${join(folder, 'file')} is a file, not a folder`;
  expect(() => makePrivateFolder(join(folder, 'file', 'below'))).toThrow(wanted);
});

it('fails where the working folder has been deleted, and does not hang', () => {
  const lost = join(folder, 'lost');
  const script = `import { rmdirSync } from 'node:fs';
    import { makePrivateFolder } from '${new URL('./private-file.ts', import.meta.url)}';
    rmdirSync(process.cwd());
    makePrivateFolder('a/b');`;
  mkdirSync(lost);
  // In a process of its own: what hangs in Node's own code cannot be ended otherwise.
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: lost,
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(status).toBe(1);
  expect(stderr).toContain("ENOENT: no such file or directory, mkdir 'a'");
});

it('replaces a file whole, and what was left half-written by another', () => {
  const file = join(folder, 'file');
  writeFileSync(`${file}.new`, 'half');
  writePrivateFile(file, 'one');
  writePrivateFile(file, 'two');
  expect([readFileSync(file, 'utf8'), modeOf(file)]).toEqual(['two', 0o600]);
});

it('is used for saved topologies and operation logs', () => {
  const kept = join(folder, 'kept');
  const topology = {
    namespace: 'default',
    name: 'docs',
    version: 1,
    placement: { name: 'maglev', options: {} },
    shards: [],
  };
  new KeptTopologies(kept).keep({ topology: topology as unknown as Topology, nodes: [], claimedBy: null });
  expect([modeOf(kept), modeOf(join(kept, 'default.docs.json'))]).toEqual([0o700, 0o600]);
  const log = join(folder, 'operations');
  new OperationLog(log, 's0', () => 0, 1);
  expect(modeOf(log)).toBe(0o600);
});
