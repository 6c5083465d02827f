import { afterEach, describe, expect, it } from 'vitest';
import { FrameType } from '../../src/http2/frames.ts';
import { eventually, metric, type RouterUnderTest } from '../support/cluster.ts';
import { overHttp1, overHttp2 } from '../support/http-client.ts';
import { Scope } from '../support/processes.ts';
import { RawHttp1 } from '../support/raw-http1.ts';
import { frame, headerBlock, RawPeer, requestBlock, word } from '../support/raw-peer.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
afterEach(() => scope.release());

const END_STREAM = 1;
const END_HEADERS = 4;
const OK = headerBlock([[':status', '200']]);
const idOf = (i: number): number => 2 * i + 1;

/** A shard that answers requests that are complete, and waits for the rest of the others. */
async function startPatientShard(streams: number): Promise<number> {
  return RawPeer.listen(scope, (peer) => {
    peer.write(frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, 3]), word(streams)])));
    peer.onFrame = ({ type, flags, id }) => {
      if (type === FrameType.Headers && (flags & END_STREAM) !== 0)
        peer.write(frame(FrameType.Headers, END_STREAM | END_HEADERS, id, OK));
    };
  });
}

describe('a client that takes all that it gets of a shard', () => {
  it('leaves places, and its turn in the queue, to the others', async () => {
    const router = await shared.configured({
      shards: [await startPatientShard(100)],
      limits: { maxConnectionsPerShard: 1, maxPendingRequests: 50 },
    });
    expect((await overHttp2(scope, router, { ':path': '/' })).status).toBe(200);
    const greedy = await RawPeer.connect(scope, router.port);
    const open = (id: number): Buffer => frame(FrameType.Headers, END_HEADERS, id, requestBlock());
    greedy.write(...Array.from({ length: 300 }, (_, i) => open(idOf(i))));
    await eventually(async () => (await metric(router, 'keyway_refusals_total{reason="overloaded"}')) > 100);
    for (let i = 0; i < 20; i++) expect((await overHttp2(scope, router, { ':path': '/' })).status).toBe(200);
  });
});

describe("a request's content that trickles", () => {
  const start = async (): Promise<RouterUnderTest> =>
    shared.configured({
      shards: [await startPatientShard(100)],
      limits: { requestContentTimeout: '500ms', leastContentPerSecond: '100B' },
    });

  it('ends with 408, over either version', async () => {
    const router = await start();
    const http1 = await RawHttp1.connect(scope, router.port);
    http1.write('POST / HTTP/1.1\r\nHost: h\r\nx-shard-key: k\r\nContent-Length: 9000\r\n\r\n');
    const http2 = await RawPeer.connect(scope, router.port);
    http2.write(frame(FrameType.Headers, END_HEADERS, 1, requestBlock()));
    const trickle = setInterval(() => {
      http1.write('x');
      http2.write(frame(FrameType.Data, 0, 1, Buffer.from('x')));
    }, 50);
    scope.defer(() => clearInterval(trickle));
    await http1.reads(/^HTTP\/1\.1 408 [\s\S]*has hardly moved for 500 ms/);
    await http2.frame(({ type, id }) => type === FrameType.RstStream && id === 1);
    await eventually(async () => (await metric(router, 'keyway_refusals_total{reason="slow_content"}')) === 2);
  });

  it('may be silent where it is a stream of messages', async () => {
    const router = await start();
    const peer = await RawPeer.connect(scope, router.port);
    const grpc = requestBlock([['content-type', 'application/grpc']]);
    peer.write(
      frame(FrameType.Headers, END_HEADERS, 1, grpc),
      frame(FrameType.Headers, END_HEADERS, 3, requestBlock()),
    );
    await eventually(async () => (await metric(router, 'keyway_refusals_total{reason="slow_content"}')) === 1);
    peer.write(frame(FrameType.Data, END_STREAM, 1, Buffer.from('x')));
    expect(peer.frames.some(({ type, id }) => type === FrameType.RstStream && id === 1)).toBe(false);
    expect((await overHttp1(router, '/')).status).toBe(200);
  });
});
