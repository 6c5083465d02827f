import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { residentBytes } from '../../bench/support/process-cost.ts';
import { FrameType, PREFACE } from '../../src/http2/frames.ts';
import { eventually, metric, type RouterUnderTest } from '../support/cluster.ts';
import { type EchoBackend, echoClient, keyed, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { frame, headerBlock, RawPeer, requestBlock, word } from '../support/raw-peer.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
let router: RouterUnderTest;

const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const ENHANCE_YOUR_CALM = 0xb;
const CANCEL = 8;

let shard: EchoBackend;

beforeAll(async () => {
  shard = await startEchoBackend(shared.scope, 's0');
});
beforeEach(async () => {
  router = await shared.configured({
    shards: [shard.port],
    limits: {
      resetBurst: 100,
      resetsPerSecond: 1,
      controlFrameBurst: 1000,
      controlFramesPerSecond: 1,
      maxHeaderListSize: '16KiB',
      stalledWindow: '500ms',
      requestHeadTimeout: '500ms',
    },
  });
});
afterEach(() => scope.release());

const floods = (cause: string): Promise<number> => metric(router, `keyway_floods_total{limit="${cause}"}`);
const idOf = (i: number): number => 2 * i + 1;

/** Whoever was hurt, others are served. */
async function servesOthers(): Promise<void> {
  const client = echoClient(scope, router.endpoint);
  const reply = await new Promise<string>((resolve, reject) => {
    (client.unary as CallableFunction)(Buffer.from('hello'), keyed('k'), (error: Error | null, bytes: Buffer) =>
      error === null ? resolve(bytes.toString()) : reject(error),
    );
  });
  expect(reply).toBe('hello');
}

describe('a peer that floods is told to calm down, and counted', () => {
  afterEach(servesOthers);

  it('with streams that it resets at once', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    for (let i = 0; i < 500; i++) {
      const id = idOf(i);
      peer.write(
        frame(FrameType.Headers, END_STREAM | END_HEADERS, id, requestBlock()),
        frame(FrameType.RstStream, 0, id, word(CANCEL)),
      );
    }
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('resets')).toBe(1);
  });

  it('with streams that it has us reset (CVE-2025-8671)', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    for (let i = 0; i < 500; i++) {
      const id = idOf(i);
      peer.write(
        frame(FrameType.Headers, END_HEADERS, id, requestBlock()),
        frame(FrameType.WindowUpdate, 0, id, word(0)),
      );
    }
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('resets')).toBe(1);
  });

  it('with CONTINUATION frames without end', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(frame(FrameType.Headers, 0, 1, requestBlock()));
    for (let i = 0; i < 100; i++) peer.write(frame(FrameType.Continuation, 0, 1));
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('continuation')).toBe(1);
  });

  it.each([
    ['SETTINGS', frame(FrameType.Settings, 0, 0)],
    ['PING', frame(FrameType.Ping, 0, 0, Buffer.alloc(8))],
    ['PRIORITY', frame(FrameType.Priority, 0, 1, Buffer.alloc(5))],
    ['WINDOW_UPDATE', frame(FrameType.WindowUpdate, 0, 0, word(1))],
  ])('with %s frames', async (_name, each) => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(...Array.from({ length: 5000 }, () => each));
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('control')).toBe(1);
  });

  it('with empty DATA frames', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(frame(FrameType.Headers, END_HEADERS, 1, requestBlock()));
    peer.write(...Array.from({ length: 5000 }, () => frame(FrameType.Data, 0, 1)));
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('control')).toBe(1);
  });

  it('with DATA frames of padding alone', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(frame(FrameType.Headers, END_HEADERS, 1, requestBlock()));
    peer.write(...Array.from({ length: 5000 }, () => frame(FrameType.Data, PADDED, 1, Buffer.from([2, 0, 0]))));
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('control')).toBe(1);
  });

  it('with windows of many streams that it changes together', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(
      ...Array.from({ length: 900 }, (_, i) => frame(FrameType.Headers, END_HEADERS, idOf(i), requestBlock())),
    );
    // Each is a frame, and work for 900 streams: far fewer than 1,000 are too many.
    const change = (i: number): Buffer =>
      frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(65_535 + i)]));
    peer.write(...Array.from({ length: 100 }, (_, i) => change(i + 1)));
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('control')).toBe(1);
  });

  it.each([
    ['a header block', frame(FrameType.Headers, END_STREAM, 1, requestBlock())],
    ['a frame', frame(FrameType.Headers, END_STREAM | END_HEADERS, 1, requestBlock()).subarray(0, 20)],
  ])('with %s that it does not bring to its end', async (_name, begun) => {
    const peer = await RawPeer.connect(scope, router.port);
    await peer.frame(({ type, flags }) => type === FrameType.Settings && flags === 0);
    peer.write(begun);
    expect(await peer.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('slow')).toBe(1);
  });

  it('with a preface and nothing behind it', async () => {
    const socket = connectSocket(router.port, '127.0.0.1');
    scope.defer(() => socket.destroy());
    socket.write(PREFACE);
    socket.resume();
    await once(socket, 'close');
    expect(await floods('slow')).toBe(1);
  });

  it('with a header list that is too large, on that stream alone', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    // Fifty references to one entry of 4,000 bytes: small on the wire, large in the list ("HPACK bomb").
    const entry = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'a')]);
    const bomb = Buffer.concat([requestBlock(), entry, Buffer.alloc(50, 0xbe)]);
    peer.write(frame(FrameType.Headers, END_STREAM | END_HEADERS, 1, bomb));
    const reset = await peer.frame(({ type, id }) => type === FrameType.RstStream && id === 1);
    expect(reset.payload.readUInt32BE()).toBe(ENHANCE_YOUR_CALM);
    peer.write(
      frame(
        FrameType.Headers,
        END_STREAM | END_HEADERS,
        3,
        headerBlock([
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/x'],
        ]),
      ),
    );
    await peer.frame(({ type, id }) => type === FrameType.Headers && id === 3);
    expect(await floods('headers')).toBe(1);
  });

  it('with a window that it never opens', async () => {
    const peer = await RawPeer.connect(scope, router.port);
    peer.write(frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), word(0)])));
    const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('50')]);
    const block = headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/test.Echo/ServerStream'],
      [':authority', 'test'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['x-shard-key', 'k'],
    ]);
    peer.write(frame(FrameType.Headers, END_HEADERS, 1, block), frame(FrameType.Data, END_STREAM, 1, message));
    const reset = await peer.frame(({ type, id }) => type === FrameType.RstStream && id === 1);
    expect(reset.payload.readUInt32BE()).toBe(ENHANCE_YOUR_CALM);
    expect(await floods('stalled')).toBe(1);
  });
});

it('refuses more streams than it allows, and keeps serving', async () => {
  const peer = await RawPeer.connect(scope, router.port);
  const open = (id: number): Buffer => frame(FrameType.Headers, END_HEADERS, id, requestBlock());
  peer.write(...Array.from({ length: 1001 }, (_, i) => open(idOf(i))));
  const refused = await peer.frame(({ type }) => type === FrameType.RstStream);
  expect(refused.id).toBe(idOf(1000));
  expect(refused.payload.readUInt32BE()).toBe(7);
  await servesOthers();
});

it('closes a connection that does not speak HTTP', async () => {
  const socket = connectSocket(router.port, '127.0.0.1');
  scope.defer(() => socket.destroy());
  socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, ...new Array(40).fill(7)]));
  socket.resume();
  await once(socket, 'close');
  expect(await metric(router, 'keyway_malformed_total')).toBe(1);
});

it('holds no more memory than its limits for a client that sends requests and reads no answer', async () => {
  const socket = connectSocket(router.port, '127.0.0.1');
  scope.defer(() => socket.destroy());
  await once(socket, 'connect');
  socket.pause();
  socket.on('error', () => {});
  socket.write(
    Buffer.concat([PREFACE, frame(FrameType.Settings, 0, 0), frame(FrameType.WindowUpdate, 0, 0, word(2 ** 30))]),
  );
  const before = residentBytes(router.process.pid);
  // Each costs us a reply of some fifty bytes that the kernel soon takes no more of.
  const block = headerBlock([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
  ]);
  let id = 1;
  while (!socket.destroyed && id < 600_000) {
    const requests = Array.from({ length: 1000 }, () => {
      id += 2;
      return frame(FrameType.Headers, END_STREAM | END_HEADERS, id, block);
    });
    // What is closed on it is reset: that is no fault.
    if (!socket.write(Buffer.concat(requests)))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
  expect(residentBytes(router.process.pid) - before).toBeLessThan(200 * 2 ** 20);
  await servesOthers();
});

it('is not brought down by bytes of any kind', async () => {
  // Those of other tests' clients may end later.
  const before = await metric(router, 'keyway_downstream_connections');
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  for (let round = 0; round < 200; round++) {
    const peer = await RawPeer.connect(scope, router.port);
    for (let i = 0; i < 20; i++) {
      const payload = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
      peer.write(frame(Math.floor(random() * 11), Math.floor(random() * 256), Math.floor(random() * 6), payload));
    }
    peer.socket.end();
  }
  await eventually(async () => (await metric(router, 'keyway_downstream_connections')) <= before);
  await servesOthers();
});
