import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { checkExample, checkKill, ExampleCluster } from './example.ts';

const scope = new Scope();
afterEach(() => scope.release());

const EXAMPLE = fileURLToPath(new URL('../../examples/participant-go/', import.meta.url));

it('hands keys over between backends in Go, and loses nothing where one of them is killed', async () => {
  const program = join(scope.folder(), 'store');
  execFileSync('go', ['build', '-o', program, '.'], { cwd: EXAMPLE });
  const cluster = await ExampleCluster.start(scope, 3, ({ port, agentPort, data, log }) => {
    const ports = ['-port', `${port}`, '-agent-port', `${agentPort}`];
    return { command: [program, ...ports, '-data', data, '-log', log, '-work', '2ms'] };
  });
  await checkExample(cluster);
  await checkKill(cluster, ({ pid }) => Number(execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })));
  // Its node ends with it.
  expect(await cluster.shards[1]?.node.exit()).toBe(137);
});
