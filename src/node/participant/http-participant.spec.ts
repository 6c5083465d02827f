import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { ParticipantCall } from './calls.ts';
import { HttpParticipant } from './http-participant.ts';

const ends: Array<() => unknown> = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const CALL: ParticipantCall = {
  agent: 'a',
  backend: 'b',
  sequence: 7,
  namespace: 'default',
  cluster: 'docs',
  shard: 's0',
  version: 1,
  token: 2,
  serveUntilMs: 3,
  ask: 'http://127.0.0.1:1/owns',
  to: 0,
  attempt: 0,
  moves: null,
};
const REPLY = { backend: 'b', agent: 'a', clockMs: 12.5 };

/** A backend that answers each call like this. @returns one that calls it, and what was asked */
async function participant(answer: (response: ServerResponse) => unknown, token: string | null = null) {
  const asked: unknown[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    let body = '';
    for await (const part of request) body += String(part);
    asked.push([method, url, headers.authorization, JSON.parse(body)]);
    answer(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const called = new HttpParticipant(`http://127.0.0.1:${port}/keyway/`, token, null);
  ends.push(() => {
    called.close();
    server.close();
    server.closeAllConnections();
  });
  return { called, asked };
}

const json = (status: number, value: object) => (response: ServerResponse) =>
  response.writeHead(status).end(JSON.stringify(value));

it('posts each step with all that counts, and shows its token', async () => {
  const { called, asked } = await participant(json(200, REPLY), 'secret');
  expect(await called.call('hold', CALL, AbortSignal.timeout(5000))).toEqual({ ...REPLY, isRefused: false });
  expect(asked).toEqual([['POST', '/keyway/hold', 'Bearer secret', CALL]]);
});

it('shows nothing of its token where the backend repeats it, nor more than a line', async () => {
  const { called } = await participant(
    (response) => response.writeHead(401).end(`secret: no\nsuch token ${'x'.repeat(999)}`),
    'secret',
  );
  await expect(called.call('hold', CALL, AbortSignal.timeout(5000))).rejects.toThrow(
    /^it answers 401: \(secret\): no such token x{1,180}…$/,
  );
});

it('takes 409 for a refusal, with the same answer', async () => {
  const { called } = await participant(json(409, REPLY));
  expect(await called.call('commit', CALL, AbortSignal.timeout(5000))).toEqual({ ...REPLY, isRefused: true });
});

it.each<readonly [string, (response: ServerResponse) => unknown, RegExp]>([
  ['an error', (response) => response.writeHead(500).end('broken'), /^it answers 500: broken$/],
  ['a page', (response) => response.end('<html>'), /^its answer is not understood: <html>$/],
  ['nothing', (response) => response.end(), /^its answer is not understood: $/],
  ['an answer of another kind', json(200, { ...REPLY, backend: 7 }), /not understood/],
  ['no process', json(200, { ...REPLY, backend: '' }), /not understood/],
  ['a name that is too long', json(200, { ...REPLY, backend: 'b'.repeat(129) }), /not understood/],
  ['a clock that is none', json(200, { ...REPLY, clockMs: 1e99 }), /not understood/],
  ['a clock before its beginning', json(200, { ...REPLY, clockMs: -1 }), /not understood/],
  ['more than an answer is', (response) => response.end(Buffer.alloc(1_000_000, ' ')), /more than 16384 bytes/],
  [
    'another address',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/hold' }).end(),
    /^it answers 307: $/,
  ],
  ['half an answer', (response) => response.write('{') && response.destroy(), /terminated|closed|aborted/],
])('refuses %s', async (_, answer, fault) => {
  const { called, asked } = await participant(answer);
  await expect(called.call('hold', CALL, AbortSignal.timeout(5000))).rejects.toThrow(fault);
  expect(asked).toHaveLength(1);
});

it('waits no longer than it is told to', async () => {
  const { called } = await participant(() => {});
  await expect(called.call('hold', CALL, AbortSignal.timeout(20))).rejects.toThrow(/timeout/);
});
