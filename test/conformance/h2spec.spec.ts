import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { freePorts, Scope, TOOLS } from '../support/processes.ts';

const scope = new Scope();
afterEach(() => scope.release());

const BACKEND = fileURLToPath(new URL('./plain-backend.ts', import.meta.url));

it('passes all of h2spec, through the router', async () => {
  const [backendPort, adminPort] = await freePorts(2);
  await scope.run(process.execPath, [BACKEND, String(backendPort)]).printed(/listening/);
  const config = scope.file(
    'keyway.yaml',
    `listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:${adminPort}"}
routes: [{match: {prefix: /}, cluster: plain, shardKey: {value: fixed}}]
clusters: {plain: {shards: [{id: s0, address: "127.0.0.1:${backendPort}"}]}}
`,
  );
  const router = scope.keyway(['router', '--config', config]);
  const [, port] = await router.printed(/listening on 127\.0\.0\.1:(\d+)/);
  const h2spec = scope.run(join(TOOLS, 'h2spec'), ['-h', '127.0.0.1', '-p', String(port), '-o', '5']);
  const code = await h2spec.exit();
  const summary = h2spec.output.trimEnd().split('\n').at(-1);
  console.log(`h2spec: ${summary}`);
  expect(summary, h2spec.output).toBe('145 tests, 145 passed, 0 skipped, 0 failed');
  expect(code).toBe(0);
});
