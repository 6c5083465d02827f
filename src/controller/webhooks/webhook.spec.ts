import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { Scope } from '../../../test/support/processes.ts';
import { PATIENCE } from '../../../test/support/registries.ts';
import type { ClusterEvent } from '../event.ts';
import { signatureOf, Webhook, type WebhookSettings } from './webhook.ts';

const scope = new Scope();
afterEach(() => scope.release());

const NAME = { namespace: 'shop', cluster: 'cache' };
const SECRET = 'a-secret-of-some-length';
const event = (leader: string): ClusterEvent => ({ event: 'leader-changed', leader });

interface Called {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Receiver {
  readonly called: Called[];
  readonly hook: Webhook;
  readonly dropped: string[];
  readonly pauses: number[];
  readonly leaders: () => string[];
}

/** @param statuses of the first answers; then it is 204. A call without an answer is `null` */
async function receiver(
  statuses: Array<number | null> = [],
  settings: Partial<WebhookSettings> = {},
): Promise<Receiver> {
  const called: Called[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      called.push({ headers: request.headers, body });
      const status = statuses.length === 0 ? 204 : statuses.shift();
      if (typeof status === 'number') response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ending = new AbortController();
  scope.defer(() => {
    ending.abort();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const dropped: string[] = [];
  const pauses: number[] = [];
  const pause = async (waitMs: number): Promise<void> => void pauses.push(waitMs);
  const hook = new Webhook(
    { url, events: ['leader-changed'], secret: SECRET, ...settings },
    { onDropped: (_url, reason, count) => dropped.push(`${count}: ${reason}`) },
    { timeOfDayMs: () => 1_700_000_000_000, pause },
    ending.signal,
  );
  const leaders = (): string[] => called.map(({ body }) => (JSON.parse(body) as { leader: string }).leader);
  return { called, hook, dropped, pauses, leaders };
}

it('tells what happens in its order, signed', async () => {
  const { called, hook, leaders } = await receiver();
  for (const leader of ['a', 'b', 'c']) hook.emit(NAME, event(leader));
  hook.emit(NAME, { event: 'node-up', shard: 's0', node: 'a:1', reason: null });
  await vi.waitFor(() => expect(leaders()).toEqual(['a', 'b', 'c']), PATIENCE);
  const [{ headers, body }] = called as [Called, ...Called[]];
  const id = headers['x-keyway-delivery'];
  expect(JSON.parse(body)).toEqual({ id, atMs: 1_700_000_000_000, ...NAME, event: 'leader-changed', leader: 'a' });
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'x-keyway-event': 'leader-changed',
    'x-keyway-timestamp': '1700000000',
    'x-keyway-signature': `sha256=${signatureOf(SECRET, '1700000000', body)}`,
  });
});

it('signs as others compute it', () => {
  // printf '1.{}' | openssl dgst -sha256 -hmac secret
  const known = '1122767b193110cfec322b6f199b599edbf608ed087f2d27afb0b97d99523908';
  expect(signatureOf('secret', '1', '{}')).toBe(known);
});

it('does not sign without a secret', async () => {
  const { called, hook } = await receiver([], { secret: null });
  hook.emit(NAME, event('a'));
  await vi.waitFor(() => expect(called).toHaveLength(1), PATIENCE);
  expect(called[0]?.headers).not.toHaveProperty('x-keyway-signature');
});

it('tries again, less and less often, where the receiver is away or has too much to do', async () => {
  const { hook, leaders, pauses, dropped } = await receiver([503, 429, 500]);
  hook.emit(NAME, event('a'));
  hook.emit(NAME, event('b'));
  await vi.waitFor(() => expect(leaders()).toEqual(['a', 'a', 'a', 'a', 'b']), PATIENCE);
  expect(pauses).toEqual([1000, 2000, 4000]);
  expect(dropped).toEqual([]);
});

it('gives up what the receiver refuses, or never takes, and goes on', async () => {
  const refused = await receiver([404]);
  refused.hook.emit(NAME, event('a'));
  refused.hook.emit(NAME, event('b'));
  await vi.waitFor(() => expect(refused.leaders()).toEqual(['a', 'b']), PATIENCE);
  expect(refused.dropped).toEqual(['1: it answers 404']);
  const never = await receiver(Array<number>(20).fill(503));
  never.hook.emit(NAME, event('a'));
  never.hook.emit(NAME, event('b'));
  await vi.waitFor(() => expect(never.leaders().at(-1)).toBe('b'), PATIENCE);
  expect(never.dropped).toEqual(['1: it answers 503']);
  expect(Math.max(...never.pauses)).toBe(60_000);
});

it('keeps a thousand events for a receiver that hangs, and drops the oldest', async () => {
  const { called, hook, dropped } = await receiver([null]);
  hook.emit(NAME, event('first'));
  await vi.waitFor(() => expect(called).toHaveLength(1), PATIENCE);
  for (let i = 0; i < 1002; i++) hook.emit(NAME, event(`${i}`));
  expect(dropped).toEqual(['1: 1000 others wait to be told', '2: 1000 others wait to be told']);
});
