import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { checkExample, checkKill, ExampleCluster } from './example.ts';

const scope = new Scope();
afterEach(() => scope.release());

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const PROGRAM = file('../../examples/participant-node/store.mjs');

it('hands keys over between backends in Node, and loses nothing where one of them is killed', async () => {
  const cluster = await ExampleCluster.start(scope, 3, ({ id, port, registry, data, log }) => {
    const node = [process.execPath, '--import', file('./keyway-node.mjs'), PROGRAM];
    const options = [
      '--port',
      `${port}`,
      '--shard',
      id,
      '--registry',
      registry,
      '--data',
      data,
      '--log',
      log,
      '--work',
      '2',
    ];
    return { registers: true, command: [...node, ...options] };
  });
  await checkExample(cluster);
  await checkKill(cluster, ({ pid }) => pid);
  expect(await cluster.shards[1]?.node.exit()).toBe('SIGKILL');
});
