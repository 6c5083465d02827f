import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { startRouter } from '../support/cluster.ts';
import { freePorts, Scope, TOOLS } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const BACKEND = fileURLToPath(new URL('./plain-backend.ts', import.meta.url));

it('passes all of h2spec, through the router', async () => {
  const [backendPort] = (await freePorts(1)) as [number];
  await scope.run(process.execPath, [BACKEND, String(backendPort)]).printed(/listening/);
  const { port } = await startRouter(scope, {
    shards: [backendPort],
    routes: [{ match: { prefix: '/' }, cluster: 'docs', shardKey: { value: 'fixed' } }],
  });
  const h2spec = scope.run(join(TOOLS, 'h2spec'), ['-h', '127.0.0.1', '-p', String(port), '-o', '5']);
  const code = await h2spec.exit();
  const summary = h2spec.output.trimEnd().split('\n').at(-1);
  console.log(`h2spec: ${summary}`);
  expect(summary, h2spec.output).toBe('145 tests, 145 passed, 0 skipped, 0 failed');
  expect(code).toBe(0);
});
