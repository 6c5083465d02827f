import { setImmediate as turn } from 'node:timers/promises';
import { type ClientWritableStream, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import { echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { KEYS, Sidecars } from './sidecars.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** More than a router keeps of a request: what was sent is not sent again. */
const PARTS = 24;
const PART_BYTES = 64 * 1024;
const WHOLE_BYTES = PARTS * PART_BYTES;

type ClientStream = (...args: unknown[]) => ClientWritableStream<Buffer>;

/** A call with several messages. @returns how many bytes the backend had, or the status that it failed with */
async function clientStream(client: ReturnType<typeof echoClient>, key: string): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>();
  const onAnswer = (error: ServiceError | null, answer: Buffer): void =>
    resolve(error === null ? answer.length : (status[error.code] ?? ''));
  const call = (client.clientStream as ClientStream).call(client, keyed(key), onAnswer);
  call.on('error', () => {});
  for (let i = 0; i < PARTS; i++) {
    call.write(Buffer.alloc(PART_BYTES, 'x'));
    await turn();
  }
  call.end();
  return promise;
}

it('lets client streams end at their old owner while their keys move, or ends them with UNAVAILABLE', async () => {
  const sidecars = await Sidecars.start(scope, 0);
  const backends = [await startEchoBackend(scope, 's0'), await startEchoBackend(scope, 's1')];
  for (const [i, { port }] of backends.entries())
    await sidecars.add(`s${i}`, `127.0.0.1:${port}`, ['--health', 'none']);
  await sidecars.apply(1);
  const router = await sidecars.router();
  const client = echoClient(scope, router.endpoint);
  const keys = KEYS.filter((key) => sidecars.ownerOf(key, 2) === 's1').slice(0, 3);
  const results: Array<number | string> = [];
  let isOver = false;
  const running = keys.map(async (key) => {
    while (!isOver) results.push(await clientStream(client, key));
  });
  for (const shards of [2, 1, 2]) {
    const before = results.length;
    await vi.waitFor(() => expect(results.length).toBeGreaterThan(before + 6), PATIENCE);
    await sidecars.apply(shards);
  }
  isOver = true;
  await Promise.all(running);
  expect(results.filter((result) => result !== WHOLE_BYTES && result !== 'UNAVAILABLE')).toEqual([]);
  expect(results.filter((result) => result === WHOLE_BYTES).length).toBeGreaterThan(keys.length);
  expect(backends.every(({ calls }) => calls.length > 0)).toBe(true);
});
