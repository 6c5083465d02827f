import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defaultDrain } from '../../src/proxy/index.ts';
import { machineClock } from '../../src/runtime/machine-clock.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { PlainShard, RouterInProcess, type ShardRequest } from './router-in-process.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Resolves once so many requests wait at the gate. */
function held(router: RouterInProcess, count: number): Promise<void> {
  return vi.waitFor(() => expect(router.router.counters.holding).toBe(count), PATIENCE);
}

/** Has nobody answer by themselves: the requests are answered when the test says so. */
function answersLater(shard: PlainShard): { answer(): void } {
  const busy: ShardRequest[] = [];
  const { answer } = shard;
  shard.answer = (request) => busy.push(request);
  return { answer: () => busy.splice(0).forEach(answer) };
}

it('sends a request that waits for its repetition once, with its content, where its key moves meanwhile', async () => {
  const router = await RouterInProcess.start(scope, { route: { retries: { attempts: 9, idempotent: true } } });
  const [, old] = router.shards;
  old.answer = ({ stream }) => {
    stream.respond({ ':status': 503 });
    stream.end();
  };
  const call = router.call('moves/a', 'PUT', 'the value');
  // Its fifth repetition comes 200 ms after the fourth.
  await router.came(1, 5);
  await router.reach('hold');
  const [next] = router.shards;
  // The new owner takes its time, while another request is repeated until the timer of the first would be long over.
  const busy: ShardRequest[] = [];
  next.answer = (request) => {
    const { key, stream, content } = request;
    if (key === 'moves/a') busy.push(request);
    else {
      stream.respond({ ':status': next.requests.length < 8 ? 503 : 200 });
      stream.end(content);
    }
  };
  const later = router.call('stays/a', 'PUT', 'another');
  router.commit();
  expect(await later.over).toBe('200 another');
  for (const { stream, content } of busy) {
    stream.respond({ ':status': 200 });
    stream.end(content);
  }
  expect(await call.over).toBe('200 the value');
  expect(busy.map(({ content }) => content)).toEqual(['the value']);
});

it('sends a request that waited for a connection to the owner that its key has by then', async () => {
  const limits = { connections: 1 };
  const router = await RouterInProcess.start(scope, { upstream: { limits } });
  const [, old] = router.shards;
  const busy = answersLater(old);
  const calls = Array.from({ length: 10 }, () => router.call('moves/busy'));
  await router.came(1, 10);
  const waiting = router.call('moves/a', 'PUT', 'the value');
  await vi.waitFor(() => expect(router.router.openStreams(20).length).toBe(11), PATIENCE);
  // Nobody hands it over: the router hears of a version that is there.
  router.commit();
  busy.answer();
  expect(await waiting.over).toBe('200 s0');
  expect(old.requests.length).toBe(10);
  await Promise.all(calls.map(({ over }) => over));
});

describe('a router that was stopped past its lease', () => {
  /** A router that may serve for ten seconds. */
  async function leased(setup: Parameters<typeof RouterInProcess.start>[1] = {}): Promise<RouterInProcess> {
    const router = await RouterInProcess.start(scope, setup);
    router.until.fill(machineClock() + 10_000);
    return router;
  }

  it('sends not one more byte of an upload', async () => {
    const router = await leased();
    const call = router.call('moves/a', 'POST');
    call.stream.write('before');
    const [upload] = (await router.came(1, 1)) as [ShardRequest];
    await vi.waitFor(() => expect(upload.content).toBe('before'), PATIENCE);
    const cut = once(upload.stream, 'close');
    router.stopped.forMs = 20_000;
    call.stream.write('after');
    expect(await call.over).toMatch(/^503 this router has lost its lease/);
    await cut;
    expect(upload).toMatchObject({ content: 'before', isComplete: false });
  });

  it.each([
    ['', 'before'],
    // What is announced to be short is sent in one piece, once it is there.
    ['11', ''],
  ])('sends not one more byte of it over HTTP/1.1 either (content-length "%s")', async (length, sent) => {
    let received = '';
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
      });
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await once(server, 'listening');
    const oldPort = (server.address() as AddressInfo).port;
    const router = await leased({ upstream: { protocol: 'http1' }, oldPort });
    const call = router.call('moves/a', 'POST', undefined, length === '' ? {} : { 'content-length': length });
    call.stream.write('before');
    await vi.waitFor(() => {
      expect(received).toContain(sent);
      expect(router.router.openStreams(1)[0]?.requestBytes).toBe(6);
    }, PATIENCE);
    router.stopped.forMs = 20_000;
    call.stream.end('after');
    expect(await call.over).toMatch(/^503 this router has lost its lease/);
    expect(received).not.toContain('after');
  });

  it('sends nothing that the old owner has let it send meanwhile', async () => {
    const router = await leased();
    const [, old] = router.shards;
    const call = router.call('moves/a', 'POST');
    old.onBegin = ({ stream }) => stream.pause();
    const content = Buffer.alloc(300_000, 'x');
    call.stream.write(content);
    const [upload] = (await router.came(1, 1)) as [ShardRequest];
    const cut = once(upload.stream, 'close');
    await vi.waitFor(() => expect(upload.stream.readableLength).toBeGreaterThan(0), PATIENCE);
    router.stopped.forMs = 20_000;
    // Credit for the rest: the first that the router finds.
    upload.stream.resume();
    await cut;
    expect(upload.content.length).toBeLessThan(content.length);
    expect(await call.over).toMatch(/^503 this router has lost its lease/);
  });

  it('does not send to the old owner what was waiting for it', async () => {
    const router = await leased({ upstream: { waitForOwnerMs: 60_000 } });
    const [next, old] = router.shards;
    old.end();
    const call = router.call('moves/a', 'PUT', 'the value');
    await vi.waitFor(() => expect(router.router.counters.shard('docs', 's1').held === 1).toBe(true), PATIENCE);
    router.stopped.forMs = 20_000;
    const back = await PlainShard.start(scope, 's1', old.port);
    await held(router, 1);
    router.commit();
    router.until.fill(Number.POSITIVE_INFINITY);
    expect(await call.over).toBe('200 s0');
    expect([back.requests.length, next.requests.map(({ content, version }) => `${content} by ${version}`)]).toEqual([
      0,
      ['the value by 2'],
    ]);
  });

  it('makes new requests wait, and sends none of them by its old knowledge', async () => {
    const router = await leased();
    await router.call('moves/a').over;
    router.stopped.forMs = 20_000;
    const call = router.call('moves/a', 'PUT', 'the value');
    await held(router, 1);
    router.commit();
    router.until.fill(Number.POSITIVE_INFINITY);
    expect(await call.over).toBe('200 s0');
  });
});

describe('a change of version', () => {
  it('waits for an upload, which ends at its old owner, before it makes others wait', async () => {
    const router = await RouterInProcess.start(scope);
    const [, old] = router.shards;
    const upload = router.call('moves/a', 'PUT');
    upload.stream.write('a '.repeat(100_000));
    await router.came(1, 1);
    await router.reach('stage');
    router.stopped.forMs = 200;
    router.begin('drain');
    let isSettled = false;
    const settled = router.settled('drain').then(() => {
      isSettled = true;
    });
    expect(await router.call('moves/b').over).toBe('200 s1');
    expect(isSettled).toBe(false);
    upload.stream.end('long way');
    expect(await upload.over).toBe('200 s1');
    await settled;
    expect(old.requests[0]?.content).toHaveLength(200_008);
    await router.reach('hold');
    router.commit();
    expect(await router.call('moves/a').over).toBe('200 s0');
  });

  it.each([
    ['has a second slow call', 2, 1],
    ['was in flight while requests were held in vain', 1, 2],
  ])('makes new calls to a key wait that %s', async (_, slowCalls, attempt) => {
    const router = await RouterInProcess.start(scope);
    const [, old] = router.shards;
    const busy = answersLater(old);
    await router.reach('stage');
    const slow = Array.from({ length: slowCalls }, () => router.call('moves/a', 'PUT', 'x'));
    await router.came(1, slowCalls);
    if (attempt > 1) {
      router.begin('drain');
      router.begin('hold');
    } else router.stopped.forMs = 200;
    router.begin('drain', attempt);
    router.stopped.forMs = 200;
    const settled = router.settled('drain');
    const next = router.call('moves/a');
    await held(router, 1);
    // Others are free.
    const other = router.call('moves/b');
    await router.came(1, slowCalls + 1);
    busy.answer();
    expect(await Promise.all([...slow, other].map(({ over }) => over))).toEqual(Array(slowCalls + 1).fill('200 s1'));
    expect(await settled).toBe(true);
    router.begin('hold', attempt);
    expect(await router.settled('hold')).toBe(true);
    router.commit();
    expect(await next.over).toBe('200 s0');
  });

  it('lets calls to such a key go where the change waits for others only', async () => {
    const router = await RouterInProcess.start(scope);
    const [, old] = router.shards;
    const busy = answersLater(old);
    await router.reach('stage');
    const slow = [router.call('moves/a'), router.call('moves/a')];
    await router.came(1, 2);
    router.stopped.forMs = 200;
    router.begin('drain');
    const next = router.call('moves/a');
    await held(router, 1);
    busy.answer();
    await Promise.all(slow.map(({ over }) => over));
    expect(await router.settled('drain')).toBe(true);
    router.stopped.forMs += 1000;
    expect(next.isOver).toBe(false);
    router.stopped.forMs += 5000;
    await router.came(1, 3);
    busy.answer();
    expect(await next.over).toBe('200 s1');
  });

  it('takes a WebSocket for a watch, whatever its route says', async () => {
    const options = { drain: { ...defaultDrain, windowMs: 0 } };
    const router = await RouterInProcess.start(scope, { options });
    const [, old] = router.shards;
    old.onBegin = ({ stream }) => stream.respond({ ':status': 200 });
    await once(router.session, 'remoteSettings');
    const socket = router.call('moves/a', 'CONNECT', undefined, { ':protocol': 'websocket' });
    await once(socket.stream, 'response');
    await router.reach('drain');
    await socket.over;
    router.begin('hold');
    expect(await router.settled('hold')).toBe(true);
  });

  it('takes an upload for a watch later than what is being answered', async () => {
    const options = { drain: { ...defaultDrain, windowMs: 0 } };
    const router = await RouterInProcess.start(scope, {
      options,
      route: { onMove: { how: 'end', status: 'unavailable' } },
    });
    const [, old] = router.shards;
    old.onBegin = ({ stream, method }) => {
      if (method === 'POST') stream.respond({ ':status': 200 });
    };
    const [upload, tooLong, stream] = [
      router.call('moves/a', 'PUT'),
      router.call('moves/b', 'PUT'),
      router.call('moves/c', 'POST'),
    ];
    await once(stream.stream, 'response');
    await router.came(1, 3);
    router.stopped.forMs = 60_000;
    await router.reach('stage');
    router.begin('drain');
    await stream.over;
    const back = router.call('moves/c', 'POST', 'x');
    await held(router, 1);
    upload.stream.end('x');
    expect(await upload.over).toBe('200 s1');
    router.stopped.forMs += defaultDrain.longLivedAfterMs;
    expect(await tooLong.over).toMatch(/^503 the key moves/);
    expect(await router.settled('drain')).toBe(true);
    router.begin('hold');
    expect(await router.settled('hold')).toBe(true);
    router.commit();
    expect(await back.over).toBe('200 s0');
  });

  it('waits for no upload that has been answered', async () => {
    const router = await RouterInProcess.start(scope);
    const [, old] = router.shards;
    old.onBegin = ({ stream }) => {
      stream.respond({ ':status': 200 });
      stream.end('early');
    };
    const call = router.call('moves/a', 'PUT');
    call.stream.write('x');
    const [upload] = (await router.came(1, 1)) as [ShardRequest];
    await vi.waitFor(() => expect(call.content).toBe('early'), PATIENCE);
    const cut = once(upload.stream, 'close');
    await router.reach('hold');
    await cut;
    call.stream.end();
  });

  it('has the client send again what its shard has refused, and what is too long to be kept', async () => {
    const router = await RouterInProcess.start(scope);
    const [, old] = router.shards;
    old.answer = ({ stream }) => stream.respond({ ':status': 421, 'x-keyway-stale': '2' }, { endStream: true });
    const call = router.call('moves/a', 'PUT', 'x'.repeat(2_000_000));
    expect(await call.over).toMatch(/^503 the key has moved/);
  });

  it('sends what a shard has refused that is behind again, with its content, as often as that takes', async () => {
    const router = await RouterInProcess.start(scope);
    const [next, old] = router.shards;
    old.answer = ({ stream }) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '9', 'x-keyway-stale': '2' },
        { endStream: true },
      );
    await router.reach('hold');
    const value = 'the value '.repeat(20_000);
    const call = router.call('moves/a', 'POST', value, { 'content-type': 'application/grpc' });
    await held(router, 1);
    // Somebody was late: the router goes back, and the shard has not heard of that.
    router.begin('drain', 2);
    await router.came(1, 1);
    await held(router, 1);
    router.begin('hold', 2);
    router.begin('drain', 3);
    await router.came(1, 2);
    await held(router, 1);
    router.commit();
    expect(await call.over).toBe('200 s0');
    expect([...old.requests, ...next.requests].map(({ content }) => content)).toEqual(Array(3).fill(value));
  });
});
