import { Server, ServerCredentials, type ServerWritableStream, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { HousekeepingClient } from '../../src/node/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { HousekeepingNodes, RARE } from './nodes.ts';

const scope = new Scope();
let nodes: HousekeepingNodes;
beforeEach(async () => {
  nodes = await HousekeepingNodes.start(scope);
});
afterEach(() => scope.release());

interface Called {
  readonly task: string;
  readonly project: string;
  readonly token: number;
  readonly deadlineMs: number;
  readonly cursor: string;
  readonly candidates: number;
}

/** A backend that is called by gRPC, and does what a test says. */
async function grpcBackend(run: (call: ServerWritableStream<Called, object>) => void): Promise<string> {
  const server = new Server();
  server.addService(HousekeepingClient.service, {
    ListProjects: (call: { request: { pageToken: string } }, answer: (error: null, page: object) => void) =>
      answer(null, call.request.pageToken === '' ? { projects: ['p1'], nextPageToken: '2' } : { projects: ['p2'] }),
    Run: run,
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  scope.defer(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function finish(call: ServerWritableStream<Called, object>): void {
  call.write({ done: true });
  call.end();
}

const grpcSettings = (address: string, task: object): object => ({
  projectsEvery: '200ms',
  backend: { grpc: { address } },
  tasks: { sweep: { ...RARE, ...task } },
});

it('calls tasks by gRPC, with token, deadline and cursor, and keeps how far they came', async () => {
  const calls: Called[] = [];
  const address = await grpcBackend((call) => {
    calls.push(call.request);
    call.write({ cursor: 'a', candidates: 1, changed: 1 });
    call.write({ cursor: `${call.request.cursor}b`, done: false, candidates: 2, changed: 1 });
    call.end();
  });
  await nodes.commands.done('cluster', 'create', 'docs', '--shards', `s0=${address}`);
  nodes.sidecar('s0', address, grpcSettings(address, { candidates: 7, timeLimit: '5s' }));
  await nodes.listed(/^sweep +each project +.* on +2 /m);
  const before = Date.now();
  expect(await nodes.commands.done('housekeeping', 'run', 'sweep', '--project', 'p1')).toBe(
    'sweep: 1 run, 2 checked, 1 changed\n',
  );
  expect(await nodes.commands.done('housekeeping', 'run', 'sweep', '--project', 'p1')).toBe(
    'sweep: 1 run, 2 checked, 1 changed\n',
  );
  expect(calls).toMatchObject([
    { task: 'sweep', project: 'p1', cursor: '', candidates: 7 },
    { task: 'sweep', project: 'p1', cursor: 'b', candidates: 7 },
  ]);
  expect(calls[0]?.token).toBeGreaterThan(0);
  expect(calls[0]?.deadlineMs).toBeGreaterThan(before + 4000);
  await nodes.listed(/^sweep +project\/p1 .* bb /m, '--units');
});

it('shows the fault of a backend, and tries again', async () => {
  let calls = 0;
  const address = await grpcBackend((call) => {
    calls++;
    if (calls === 1) call.emit('error', { code: status.INTERNAL, details: 'the disk is full' });
    else finish(call);
  });
  await nodes.commands.done('cluster', 'create', 'docs', '--shards', `s0=${address}`);
  const node = nodes.sidecar('s0', address, grpcSettings(address, {}));
  await nodes.listed(/^sweep +each project +.* on +2 /m);
  expect(await nodes.commands.run('housekeeping', 'run', 'sweep', '--project', 'p1')).toMatchObject({
    code: 1,
    error: 'keyway: 1 of 1 runs failed: INTERNAL: the disk is full\n',
  });
  await node.printed(/"outcome":"failed","error":"INTERNAL: the disk is full"/);
  await vi.waitFor(() => expect(calls).toBeGreaterThan(1), PATIENCE);
  await vi.waitFor(async () => {
    const history = await nodes.commands.done('housekeeping', 'history', 'sweep', '--project', 'p1');
    expect(history).toMatch(/ done .*\n.* failed .* INTERNAL: the disk is full/);
  }, PATIENCE);
});

it('claims a project again if the backend refuses its token', async () => {
  const tokens: number[] = [];
  const address = await grpcBackend((call) => {
    tokens.push(call.request.token);
    if (tokens.length === 1)
      call.emit('error', { code: status.FAILED_PRECONDITION, details: 'a later token is known' });
    else finish(call);
  });
  await nodes.commands.done('cluster', 'create', 'docs', '--shards', `s0=${address}`);
  const node = nodes.sidecar('s0', address, grpcSettings(address, {}));
  await nodes.listed(/^sweep +each project +.* on +2 /m);
  await nodes.commands.done('housekeeping', 'run', 'sweep', '--project', 'p1', '--no-wait');
  await node.printed(/"outcome":"stale"/);
  await vi.waitFor(() => expect(tokens.length).toBe(2), PATIENCE);
  expect(tokens[1]).toBeGreaterThan(tokens[0] as number);
});

it('cancels a call that takes too long, and one that is under way when it stops itself', async () => {
  const ends: string[] = [];
  const address = await grpcBackend((call) => {
    call.write({ cursor: 'half', candidates: 5 });
    call.on('cancelled', () => ends.push(call.request.project));
  });
  await nodes.commands.done('cluster', 'create', 'docs', '--shards', `s0=${address}`);
  const node = nodes.sidecar('s0', address, grpcSettings(address, { timeLimit: '300ms' }));
  await nodes.listed(/^sweep +each project +.* on +2 /m);
  await nodes.commands.done('housekeeping', 'run', 'sweep', '--project', 'p1', '--no-wait');
  await node.printed(/"outcome":"overran"/);
  await vi.waitFor(() => expect(ends).toEqual(['p1']), PATIENCE);
  await nodes.listed(/^sweep +project\/p1 .* half +\S+ overran/m, '--units');
  await nodes.commands.done('housekeeping', 'run', 'sweep', '--project', 'p2', '--no-wait');
  expect(await node.end('SIGTERM')).toBe(0);
  await vi.waitFor(() => expect(ends).toContain('p2'), PATIENCE);
  // It gave back what it had.
  expect(await nodes.commands.done('housekeeping', 'list', '--units')).toMatch(/^sweep +project\/p2 +- /m);
});

it('refuses settings without a backend, or with two', async () => {
  const file = scope.file('housekeeping.yaml', stringify({ backend: {}, tasks: { Sweep: {} } }));
  const node = ['--cluster', 'docs', '--shard', 's0', '--address', '127.0.0.1:1'];
  const { code, error } = await nodes.commands.run('node', 'register', ...node, '--housekeeping', file);
  expect(code).toBe(2);
  expect(error).toMatch(/housekeeping\.yaml:1:\d+ backend: give exactly one of grpc, http/);
  expect(error).toMatch(/housekeeping\.yaml:3:\d+ tasks\.Sweep: .*lower-case letters/);
});
