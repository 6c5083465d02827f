import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { FileLock, FileLocked } from './file-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyway-lock-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('is held by one process at a time, and tells the others which', () => {
  const file = join(folder, 'lock');
  const first = FileLock.take(file, 11);
  expect(() => FileLock.take(file, 12)).toThrow(new FileLocked(file, 11));
  first.release();
  const second = FileLock.take(file, 12);
  expect(() => FileLock.take(file, 13)).toThrow(new FileLocked(file, 12));
  second.release();
});
