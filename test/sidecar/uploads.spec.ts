import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { type ClientWritableStream, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, expect, it, vi } from 'vitest';
import type { RouterUnderTest } from '../support/cluster.ts';
import { echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { doubleServed, KEYS, Sidecars } from './sidecars.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** More than a router keeps of a request: what was sent is not sent again. */
const PARTS = 24;
const PART_BYTES = 64 * 1024;
const WHOLE_BYTES = PARTS * PART_BYTES;

interface Uploaded {
  readonly id: string;
  readonly key: string;
  readonly status: number;
}

/** Sends a content in parts, without a length that is known before. Whole contents begin with their id. */
async function upload(endpoint: string, key: string, id: string): Promise<Uploaded> {
  const [host, port] = endpoint.split(':');
  const sent = httpRequest({
    host,
    port,
    method: 'PUT',
    path: `/docs/${key}`,
    headers: { 'x-upload': id },
    agent: false,
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  let isOver = false;
  const over = answered.then(
    ([response]) => {
      isOver = true;
      response.resume();
      return response.statusCode ?? 0;
    },
    () => {
      isOver = true;
      return 0;
    },
  );
  for (let i = 0; i < PARTS && !isOver; i++) {
    sent.write(i === 0 ? id.padEnd(PART_BYTES) : Buffer.alloc(PART_BYTES, 'x'));
    await turn();
  }
  sent.end();
  return { id, key, status: await over };
}

/** Uploads to some keys, one after the other for each, until it is stopped. */
function uploading(router: RouterUnderTest, keys: readonly string[]): { stop(): Promise<readonly Uploaded[]> } {
  let isOver = false;
  const all: Uploaded[] = [];
  const running = keys.map(async (key) => {
    for (let n = 0; !isOver; n++) all.push(await upload(router.endpoint, key, `${key}-${n}`));
  });
  return {
    stop: async () => {
      isOver = true;
      await Promise.all(running);
      return all;
    },
  };
}

it('carries an upload of more than a megabyte out at one owner, whole, while its key moves, or has it sent again', async () => {
  const sidecars = await Sidecars.start(scope, 2);
  await sidecars.apply(1);
  const router = await sidecars.router();
  const { served, values } = sidecars.store;
  const keys = KEYS.filter((key) => sidecars.ownerOf(key, 2) === 's1').slice(0, 3);
  const uploads = uploading(router, keys);
  for (const shards of [2, 1, 2]) {
    const before = served.length;
    await vi.waitFor(() => expect(served.length).toBeGreaterThan(before + 6), PATIENCE);
    await sidecars.apply(shards);
  }
  const all = await uploads.stop();
  expect(new Set(served.map(({ shard }) => shard))).toEqual(new Set(['s0', 's1']));
  expect(doubleServed(served)).toEqual([]);
  for (const { id, status: answer } of all) {
    const done = served.filter(({ headers, isDone }) => isDone && headers['x-upload'] === id).length;
    // What is to be sent again has not been carried out.
    expect([id, answer, done]).toEqual(answer === 200 ? [id, 200, 1] : [id, 503, 0]);
  }
  expect(all.filter(({ status: answer }) => answer === 200).length).toBeGreaterThan(keys.length);
  for (const key of keys) {
    const value = values.get(key) ?? '';
    const last = all.findLast((each) => each.key === key && each.status === 200);
    expect([value.length, value.slice(0, PART_BYTES).trim()]).toEqual([WHOLE_BYTES, last?.id]);
  }
});

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
