import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePorts, Scope, TOOLS } from '../support/processes.ts';

const scope = new Scope();
let port = '';

// Every case that the client knows and that needs no credentials (grpc/grpc doc/interop-test-descriptions.md).
const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
];

beforeAll(async () => {
  const [serverPort, adminPort] = await freePorts(2);
  scope.run(join(TOOLS, 'interop-server'), ['-port', String(serverPort)]);
  const config = scope.file(
    'keyway.yaml',
    `listen: [{address: "127.0.0.1:0"}]
admin: {address: "127.0.0.1:${adminPort}"}
routes: [{match: {prefix: /}, cluster: interop, shardKey: {value: fixed}}]
clusters: {interop: {shards: [{id: s0, address: "127.0.0.1:${serverPort}"}]}}
`,
  );
  const router = scope.keyway(['router', '--config', config]);
  port = (await router.printed(/listening on 127\.0\.0\.1:(\d+)/))[1] as string;
  // The server prints nothing when it is up: the first call that passes says so.
  for (;;) {
    const probe = scope.run(join(TOOLS, 'interop-client'), clientArgs('empty_unary'));
    if ((await probe.exit()) === 0) break;
  }
});
afterAll(() => scope.release());

function clientArgs(testCase: string): string[] {
  return ['-server_host', '127.0.0.1', '-server_port', port, '-test_case', testCase];
}

it.each(CASES)("gRPC's interop client passes %s through the router", async (testCase) => {
  const client = scope.run(join(TOOLS, 'interop-client'), clientArgs(testCase));
  expect(await client.exit(), client.output).toBe(0);
});
