import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../../../test/support/processes.ts';
import { Relay } from '../../../test/support/relay.ts';
import type { Run } from '../../housekeeping/index.ts';
import type { FencingToken } from '../../registry/index.ts';
import { GrpcBackend, HousekeepingClient } from './grpc-backend.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** A backend with one project, behind a network. */
async function backend(run: (call: ServerWritableStream<object, object>) => void): Promise<[Relay, GrpcBackend]> {
  const server = new Server();
  server.addService(HousekeepingClient.service, {
    ListProjects: (_: object, answer: (error: null, page: object) => void) => answer(null, { projects: ['p1'] }),
    Run: run,
  });
  scope.defer(() => server.forceShutdown());
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const network = await Relay.to(scope, port);
  const called = new GrpcBackend(`127.0.0.1:${network.port}`, null);
  scope.defer(() => called.close());
  return [network, called];
}

function runUntil(signal: AbortSignal): Run {
  return {
    unit: { kind: 'project', project: 'p1' },
    token: 1 as FencingToken,
    cursor: 'here',
    candidates: 1,
    deadlineMs: Date.now() + 60_000,
    signal,
    mayGoOn: () => !signal.aborted,
    onProgress: () => {},
  };
}

it('calls by another connection once nothing has come back for a run in its time', async () => {
  const [network, called] = await backend((call) => {
    call.write({ cursor: 'there' });
    call.end();
  });
  expect(await called.projects(new AbortController().signal)).toEqual(['p1']);
  network.lose();
  expect(await called.run('sweep', runUntil(AbortSignal.timeout(100)))).toMatchObject({ cursor: 'here' });
  expect(await called.run('sweep', runUntil(new AbortController().signal))).toMatchObject({ cursor: 'there' });
  expect(await called.projects(new AbortController().signal)).toEqual(['p1']);
  expect(network.connections).toBe(2);
});

it('stays on its connection where a run that was answered is ended', async () => {
  const [network, called] = await backend((call) => call.write({ cursor: 'there' }));
  const stopping = new AbortController();
  const over = called.run('sweep', { ...runUntil(stopping.signal), onProgress: () => stopping.abort() });
  expect(await over).toMatchObject({ cursor: 'there' });
  expect(await called.projects(new AbortController().signal)).toEqual(['p1']);
  expect(network.connections).toBe(1);
});
