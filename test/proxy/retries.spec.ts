import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { FrameType } from '../../src/http2/frames.ts';
import { metric, type RouterUnderTest } from '../support/cluster.ts';
import { Scope } from '../support/processes.ts';
import { frame, headerBlock, RawPeer, word } from '../support/raw-peer.ts';
import { SharedRouter } from '../support/shared-router.ts';

const scope = new Scope();
const shared = new SharedRouter();
afterEach(() => scope.release());

const END_STREAM = 1;
const END_HEADERS = 4;
const REFUSED_STREAM = 7;
const answer = (id: number): Buffer =>
  frame(FrameType.Headers, END_STREAM | END_HEADERS, id, headerBlock([[':status', '200']]));

interface Outcome {
  status: string | undefined;
  message: string;
}

/** One gRPC-shaped request with a body; a plain status where the answer has no grpc-status. */
async function call(router: RouterUnderTest, body = 'body'): Promise<Outcome> {
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request({
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-shard-key': 'k',
  });
  request.end(body);
  const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
  return {
    status: headers['grpc-status']?.toString() ?? String(headers[':status']),
    message: String(headers['grpc-message'] ?? ''),
  };
}

/** The content that a raw server got on a stream. */
function contentOf(peer: RawPeer, id: number): string {
  return Buffer.concat(
    peer.frames.filter((each) => each.type === FrameType.Data && each.id === id).map((each) => each.payload),
  ).toString();
}

it('sends a refused request once more to the same shard, with its content', async () => {
  const peers: RawPeer[] = [];
  const port = await RawPeer.listen(scope, (peer) => {
    peers.push(peer);
    let requests = 0;
    peer.onFrame = ({ type, flags, id }) => {
      if (type !== FrameType.Data || (flags & END_STREAM) === 0) return;
      requests++;
      peer.write(requests === 1 ? frame(FrameType.RstStream, 0, id, word(REFUSED_STREAM)) : answer(id));
    };
  });
  const router = await shared.configured({ shards: [port] });
  expect((await call(router, 'the whole body')).status).toBe('200');
  expect(peers.length).toBe(1);
  expect(contentOf(peers[0] as RawPeer, 1)).toBe('the whole body');
  expect(contentOf(peers[0] as RawPeer, 3)).toBe('the whole body');
  expect(await metric(router, 'keyway_retries_total')).toBe(1);
});

it('sends it no second time: a shard that goes on refusing is unavailable', async () => {
  let requests = 0;
  const port = await RawPeer.listen(scope, (peer) => {
    peer.onFrame = ({ type, id }) => {
      if (type !== FrameType.Headers) return;
      requests++;
      peer.write(frame(FrameType.RstStream, 0, id, word(REFUSED_STREAM)));
    };
  });
  const router = await shared.configured({ shards: [port] });
  const { status, message } = await call(router);
  expect(status).toBe('14');
  expect(message).toContain('shard s0');
  expect(requests).toBe(2);
});

it('sends what a GOAWAY left unprocessed on a new connection', async () => {
  let connections = 0;
  const port = await RawPeer.listen(scope, (peer) => {
    connections++;
    const first = connections === 1;
    peer.onFrame = ({ type, flags, id }) => {
      if (type !== FrameType.Data || (flags & END_STREAM) === 0) return;
      peer.write(first ? frame(FrameType.Goaway, 0, 0, Buffer.concat([word(0), word(0)])) : answer(id));
    };
  });
  const router = await shared.configured({ shards: [port] });
  expect((await call(router)).status).toBe('200');
  expect(connections).toBe(2);
});

it('does not send again what a shard may have processed', async () => {
  let requests = 0;
  const port = await RawPeer.listen(scope, (peer) => {
    peer.onFrame = ({ type }) => {
      if (type !== FrameType.Headers) return;
      requests++;
      peer.socket.destroy();
    };
  });
  const router = await shared.configured({ shards: [port] });
  const { status, message } = await call(router);
  expect(status).toBe('14');
  expect(message).toContain('the connection was lost');
  expect(requests).toBe(1);
});

it("takes the content-length of a HEAD's answer for what it is, whichever frame ends the stream", async () => {
  const port = await RawPeer.listen(scope, (peer) => {
    peer.onFrame = ({ type, id }) => {
      if (type !== FrameType.Headers) return;
      const headers = headerBlock([
        [':status', '200'],
        ['content-length', '5'],
      ]);
      peer.write(frame(FrameType.Headers, END_HEADERS, id, headers), frame(FrameType.Data, END_STREAM, id));
    };
  });
  const router = await shared.configured({ shards: [port] });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const request = session.request({ ':method': 'HEAD', 'x-shard-key': 'k' });
  const [headers] = (await once(request, 'response')) as [IncomingHttpHeaders];
  request.resume();
  await once(request, 'end');
  expect(headers['content-length']).toBe('5');
});

it('says what is wrong with a shard that speaks HTTP/1.1, or nothing at all', async () => {
  const serve = async (greeting: string): Promise<number> => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(greeting);
    }).listen(0, '127.0.0.1');
    scope.defer(() => server.close());
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  };
  const old = await shared.configured({ shards: [await serve('HTTP/1.1 400 Bad Request\r\n\r\n')] });
  expect((await call(old)).message).toContain('it does not speak HTTP/2');
  const silent = await shared.configured({ shards: [await serve('')], limits: { connectTimeout: '300ms' } });
  expect((await call(silent)).message).toContain('no HTTP/2 SETTINGS within 300 ms');
});

it('survives a shard that breaks the protocol', async () => {
  const port = await RawPeer.listen(scope, (peer) => {
    peer.onFrame = ({ type, id }) => {
      if (type === FrameType.Headers)
        peer.write(frame(FrameType.Headers, END_HEADERS, id, headerBlock([['no-status', 'x']])));
    };
  });
  const router = await shared.configured({ shards: [port] });
  const { status, message } = await call(router);
  expect(status).toBe('13');
  expect(message).toContain('shard s0');
  expect((await call(router)).status).toBe('13');
});
