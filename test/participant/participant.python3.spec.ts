import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { checkExample, checkKill, ExampleCluster } from './example.ts';

const scope = new Scope();
afterEach(() => scope.release());

const PROGRAM = fileURLToPath(new URL('../../examples/participant-python/store.py', import.meta.url));

it('hands keys over between backends in Python, and loses nothing where one of them is killed', async () => {
  const cluster = await ExampleCluster.start(scope, 3, ({ port, agentPort, data, log }) => {
    const ports = ['--port', `${port}`, '--agent-port', `${agentPort}`];
    return { command: ['python3', PROGRAM, ...ports, '--data', data, '--log', log, '--work', '0.002'] };
  });
  await checkExample(cluster);
  await checkKill(cluster, ({ pid }) => Number(execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })));
  // Its node ends with it.
  expect(await cluster.shards[1]?.node.exit()).toBe(137);
});
