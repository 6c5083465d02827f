/** `keyway dev --profile redis-cluster` with real servers and a real etcd, each at its usual port of loopback addresses that this test alone has. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../support/cluster.ts';
import { type Running, Scope } from '../support/processes.ts';

const run = promisify(execFile);
const scope = new Scope();
afterEach(() => scope.release());

/** An address of loopback for what belongs to this process. */
function host(last: number): string {
  return `127.${1 + (process.pid % 250)}.${(process.pid >> 8) % 250}.${last}`;
}

function dev(folder: string): string[] {
  const where = ['--listen', `${host(1)}:6379`, '--nodes', `${host(2)}:6379`, '--metadata', host(3)];
  return ['dev', '--profile', 'redis-cluster', ...where, '--admin', `${host(1)}:9901`, '--data', folder];
}

/** It ends what it has started if it is told to. */
function started(folder: string): Running {
  const running = scope.keyway(dev(folder));
  scope.defer(() => running.end());
  return running;
}

async function cli(...words: string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-c', '-h', host(1), '-p', '6379', ...words]);
  return stdout.replaceAll('\r', '').trim();
}

it('brings up six servers and a metadata cluster of three voters, answers for both, and ends all of it', async () => {
  const folder = scope.folder();
  const running = started(folder);
  await running.printed(/CLUSTER METARAFT MEMBERS/);
  expect(await cli('CLUSTER', 'INFO')).toMatch(/cluster_state:ok[\s\S]*cluster_slots_assigned:16384/);
  const nodes = (await cli('CLUSTER', 'NODES')).split('\n');
  const at = (port: number): string => nodes.find((line) => line.includes(` ${host(2)}:${port}@`)) ?? '';
  expect([6379, 6380, 6381].map((port) => / master - .* connected [\d-]+$/.test(at(port)))).toEqual([true, true, true]);
  expect([6382, 6383, 6384].map((port) => / slave [0-9a-f]{40} /.test(at(port)))).toEqual([true, true, true]);
  expect(await cli('CLUSTER', 'METARAFT', 'MEMBERS')).toBe('1\nvoter\n2\nvoter\n3\nvoter');
  expect(await cli('CLUSTER', 'METARAFT', 'PROMOTE', '2', '3')).toBe('OK');
  expect(await cli('CLUSTER', 'METARAFT', 'ADDLEARNER', '3', `${host(3)}:50053`)).toBe('OK');
  expect(await cli('CLUSTER', 'METARAFT', 'PROMOTE', '9')).toContain('there is no member 9');
  expect(await cli('CLUSTER', 'METARAFT', 'REMOVE', '2')).toContain('CLUSTER METARAFT MEMBERS');
  expect(await cli('SET', 'a', '1')).toBe('OK');
  expect(await cli('GET', 'a')).toBe('1');
  const second = scope.keyway([...dev(scope.folder())]);
  await second.printed(/6379 is in use by another process: change --listen/);
  expect(await second.exit()).not.toBe(0);
  const pids = [...running.output.matchAll(/, pid (\d+)/g)].map(([, pid]) => Number(pid));
  expect(pids).toHaveLength(10);
  await running.end();
  expect(pids.filter(isAlive)).toEqual([]);

  // The same again, with the data that is there.
  const again = started(folder);
  await again.printed(/CLUSTER METARAFT MEMBERS/);
  expect(await cli('CLUSTER', 'METARAFT', 'MEMBERS')).toBe('1\nvoter\n2\nvoter\n3\nvoter');
  await eventually(async () => (await cli('GET', 'a')) === '1');
  await again.end();
});

it('starts nothing where a port is taken', async () => {
  const taken = createServer().listen(6383, host(2));
  scope.defer(() => taken.close());
  const running = scope.keyway(dev(scope.folder()));
  await running.printed(/6383 is in use by another process: change --nodes/);
  expect(await running.exit()).not.toBe(0);
  expect(running.output).not.toContain('etcd');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
