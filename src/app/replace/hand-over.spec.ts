import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { newLog } from '../../runtime/log.ts';
import { HandOver, sendingList } from './hand-over.ts';

it('gives each thread of the other router a socket for each address', () => {
  const all = [
    { name: 'a', sockets: [10, 11] },
    { name: 'admin', sockets: [12] },
  ];
  const sent = (workers: number): string[] => sendingList(all, workers).map(({ at, name }) => `${name}${at}`);
  expect(sent(1)).toEqual(['a0', 'a1', 'admin2']);
  expect(sent(2)).toEqual(['a0', 'a1', 'admin2', 'admin2']);
  expect(sent(3).filter((each) => each.startsWith('a0') || each.startsWith('a1'))).toEqual(['a0', 'a1', 'a0', 'a1']);
});

it('hands sockets over only through a socket in a private folder', async () => {
  const sockets = vi.fn();
  const handOver = new HandOver({ sockets, log: newLog('silent') }, () => {});
  const folder = mkdtempSync(join(tmpdir(), 'keyway-test-'));
  const path = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(folder, 0o755);
  await expect(handOver.give(path, 1)).rejects.toThrow('is not a socket in a private folder');
  chmodSync(folder, 0o700);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  await expect(handOver.give(file, 1)).rejects.toThrow('is not a socket');
  expect(sockets).not.toHaveBeenCalled();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
