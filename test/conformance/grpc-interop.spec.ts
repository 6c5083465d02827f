import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRouter } from '../support/cluster.ts';
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
  const [serverPort] = (await freePorts(1)) as [number];
  scope.run(join(TOOLS, 'interop-server'), ['-port', String(serverPort)]);
  const router = await startRouter(scope, {
    shards: [serverPort],
    routes: [{ match: { prefix: '/' }, cluster: 'docs', shardKey: { value: 'fixed' } }],
  });
  port = String(router.port);
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
