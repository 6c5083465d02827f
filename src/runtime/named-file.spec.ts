import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { NamedFileFault, namedFile, SHORTEST_TOKEN, secretIn } from './named-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'keyway-named-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('reads what a setting names, or says which file it is and what is wrong with it', () => {
  const file = join(folder, 'token');
  expect(() => namedFile(file)).toThrow(new NamedFileFault(`${file}: there is no such file`));
  expect(() => secretIn(folder)).toThrow(new NamedFileFault(`${folder}: is a folder, not a file`));
  writeFileSync(file, ' \n');
  expect(() => secretIn(file)).toThrow(new NamedFileFault(`${file} is empty`));
  writeFileSync(file, 'too short\n');
  expect(secretIn(file)).toBe('too short');
  expect(() => secretIn(file, SHORTEST_TOKEN)).toThrow(new NamedFileFault(`${file} holds fewer than 16 characters`));
});
