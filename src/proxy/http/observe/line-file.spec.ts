import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { LineFile } from './line-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('appends lines in their order, of whatever number and length', async () => {
  const path = join(folder, 'lines');
  const lines = Array.from({ length: 2000 }, (_, i) => `${i} ${'ö'.repeat(i % 300)}\n`);
  const file = new LineFile(path);
  for (const line of lines.slice(0, 1500)) file.write(line);
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toContain('\n1000 '));
  for (const line of lines.slice(1500)) file.write(line);
  file.close();
  await vi.waitFor(() => expect(readFileSync(path, 'utf8')).toBe(lines.join('')));
});

// A device whose disk is always full.
it.runIf(existsSync('/dev/full'))('continues, and closes, when the disk is full', () => {
  const file = new LineFile('/dev/full');
  for (let i = 0; i < 1000; i++) file.write('a line of a log\n');
  file.close();
  expect(() => file.write('more\n')).not.toThrow();
});
