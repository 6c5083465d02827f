import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import { TestAuthority } from '../../../test/support/certificates.ts';
import { Scope } from '../../../test/support/processes.ts';
import { PATIENCE } from '../../../test/support/registries.ts';
import { Relay } from '../../../test/support/relay.ts';
import { machine } from '../../runtime/machine-clock.ts';
import type { ParticipantCall } from './calls.ts';
import { GrpcParticipant, ParticipantClient } from './grpc-participant.ts';

const scope = new Scope();
afterEach(() => scope.release());

const CALL: ParticipantCall = {
  agent: 'a',
  backend: 'b',
  sequence: 2 ** 40,
  namespace: 'default',
  cluster: 'docs',
  shard: 's0',
  version: 1,
  token: 2 ** 50,
  serveUntilMs: 3.5,
  ask: 'http://127.0.0.1:1/owns',
  to: 2,
  attempt: 1,
  moves: {
    space: 'xxHash64',
    ranges: [{ first: '0', last: '18446744073709551615', from: 's0', to: null }],
    pins: [{ pin: 'key a', from: null, to: 's1' }],
  },
};
const REPLY = { backend: 'b', agent: 'a', clockMs: 12.5 };

type Handler = (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => void;

/** A backend that serves keyway.handoff.v1.Participant. @returns its port */
async function backend(handle: Handler, credentials = ServerCredentials.createInsecure()): Promise<number> {
  const server = new Server();
  const methods = ['Serve', 'Hold', 'Commit', 'Abort', 'Drop'];
  server.addService(ParticipantClient.service, Object.fromEntries(methods.map((name) => [name, handle])));
  scope.defer(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
  );
}

function caller(port: number, more: { token?: string; authorities?: Buffer } = {}): GrpcParticipant {
  const { token = null, authorities } = more;
  const { timeOfDayMs } = machine;
  const participant = new GrpcParticipant({ address: `127.0.0.1:${port}`, token, authorities, timeOfDayMs });
  scope.defer(() => participant.close());
  return participant;
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000);

it('says all that counts in each call, shows its token, and tells for how long an answer is of use', async () => {
  const seen: ServerUnaryCall<object, object>[] = [];
  const port = await backend((call, answer) => {
    seen.push(call);
    answer(null, { ...REPLY, refused: seen.length === 2 });
  });
  const called = caller(port, { token: 'secret' });
  expect(await called.call('hold', CALL, soon())).toEqual({ ...REPLY, isRefused: false });
  expect(await called.call('serve', { ...CALL, moves: null }, soon())).toEqual({ ...REPLY, isRefused: true });
  const [hold, serve] = seen.map((call) => call.request as ParticipantCall);
  // What has no owner is an empty name there.
  expect(hold).toEqual({
    ...CALL,
    moves: {
      ...CALL.moves,
      ranges: [{ ...CALL.moves?.ranges[0], to: '' }],
      pins: [{ ...CALL.moves?.pins[0], from: '' }],
    },
  });
  expect(serve?.moves).toBeNull();
  expect(seen.map((call) => call.getPath().split('/')[2])).toEqual(['Hold', 'Serve']);
  expect(seen[0]?.metadata.get('authorization')).toEqual(['Bearer secret']);
  const leftMs = Number(seen[0]?.getDeadline()) - machine.timeOfDayMs();
  expect(leftMs).toBeLessThanOrEqual(2000);
});

it('calls by TLS, and only what an authority of its own knows', async () => {
  const authority = new TestAuthority(scope.folder());
  const { certificate, key } = authority.issue('IP:127.0.0.1');
  const pair = { cert_chain: readFileSync(certificate), private_key: readFileSync(key) };
  const port = await backend((_, answer) => answer(null, REPLY), ServerCredentials.createSsl(null, [pair]));
  const authorities = readFileSync(authority.certificate);
  expect(await caller(port, { authorities }).call('serve', CALL, soon())).toMatchObject(REPLY);
  const other = readFileSync(new TestAuthority(scope.folder()).certificate);
  await expect(caller(port, { authorities: other }).call('serve', CALL, soon())).rejects.toThrow(/UNAVAILABLE/);
});

it('shows of an error a line without its token', async () => {
  const details = `secret is not known\n${'x'.repeat(5000)}`;
  const port = await backend((_, answer) => answer({ code: status.UNAUTHENTICATED, details }));
  await expect(caller(port, { token: 'secret' }).call('hold', CALL, soon())).rejects.toThrow(
    /^UNAUTHENTICATED: \(secret\) is not known x{100,200}…$/,
  );
});

it.each<readonly [string, object]>([
  ['no process', { ...REPLY, backend: '' }],
  ['a name that is too long', { ...REPLY, agent: 'a'.repeat(129) }],
  ['a clock that is none', { ...REPLY, clockMs: Number.NaN }],
])('refuses an answer with %s', async (_, reply) => {
  const port = await backend((__, answer) => answer(null, reply));
  await expect(caller(port).call('serve', CALL, soon())).rejects.toThrow('its answer is not understood');
});

it('refuses an answer that is longer than one is', async () => {
  const port = await backend((_, answer) => answer(null, { ...REPLY, agent: 'a'.repeat(100_000) }));
  await expect(caller(port).call('serve', CALL, soon())).rejects.toThrow(/RESOURCE_EXHAUSTED/);
});

it('waits no longer than it is told to, and tells the backend so', async () => {
  const cancelled = Promise.withResolvers<void>();
  const port = await backend((call) => call.on('cancelled', cancelled.resolve));
  await expect(caller(port).call('hold', CALL, AbortSignal.timeout(100))).rejects.toThrow(/CANCELLED/);
  await cancelled.promise;
});

it('gives a connection up on which nothing comes back, and calls by another one', async () => {
  const port = await backend((_, answer) => answer(null, REPLY));
  const network = await Relay.to(scope, port);
  const called = caller(network.port);
  expect(await called.call('serve', CALL, soon())).toMatchObject(REPLY);
  network.lose();
  await vi.waitFor(async () => expect(await called.call('serve', CALL, soon())).toMatchObject(REPLY), PATIENCE);
  expect(network.connections).toBeGreaterThan(1);
});
