import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { routerContext } from '../../../../test/support/router-context.ts';
import {
  ErrorCode,
  HeaderBlock,
  MessageHead,
  type RequestConnection,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
  transientField,
  unhandled,
} from '../../../http/index.ts';
import { ClusterOwners } from '../../core/owner/cluster-owners.ts';
import { Upstream, type UpstreamDescription } from '../../core/owner/upstream.ts';
import type { ClearedRequest, HttpPool } from '../pools/http-pool.ts';
import type { RouterContext } from '../router-context.ts';
import { type Route, type RouteDescription, RoutingSnapshot } from '../routes/routing.ts';
import { Exchange } from './exchange.ts';

type Headers = ReadonlyArray<readonly [name: string, value: string]>;

let nowMs = 0;
let context: RouterContext;

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  context = routerContext(() => nowMs);
});
afterEach(() => vi.useRealTimers());

function endLocal(stream: Stream): void {
  stream.localEnded = true;
  stream.closed = stream.remoteEnded;
}

/** A connection that keeps what is sent on it, as lines. */
class Recorder implements StreamConnection, RequestConnection {
  ready = true;
  connected = true;
  endedBecause = '';
  readonly resetsStreams = true;
  readonly tunnels = true;
  readonly sent: string[] = [];
  readonly streams: Stream[] = [];

  request(block: HeaderBlock, endStream: boolean, handler: StreamHandler): Stream {
    const stream = new Stream(2 * this.streams.length + 1, this, handler, 65_535, 65_535);
    this.streams.push(stream);
    this.sendHeaders(stream, block, endStream);
    return stream;
  }

  sendHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (endStream) endLocal(stream);
    this.sent.push(`${block.get(':path') ?? block.get(':status')}${endStream ? ' end' : ''}`);
  }

  sendTrailers(stream: Stream, block: HeaderBlock): void {
    endLocal(stream);
    this.sent.push(`trailers ${block.get('grpc-status')}`);
  }

  sendData(stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    if (endStream) endLocal(stream);
    this.sent.push(`${Buffer.from(bytes.subarray(start, end)).toString('latin1')}${endStream ? ' end' : ''}`);
  }

  grant(): void {}

  declineTunnel(): boolean {
    return false;
  }

  reset(stream: Stream, code: number): void {
    stream.closed = true;
    this.sent.push(`reset ${code}`);
  }

  letGo(stream: Stream): void {
    this.reset(stream, ErrorCode.Cancel);
  }

  shutdown(): void {}
  destroy(): void {}
}

/** Sends all requests on one connection. */
class RecordingPool implements HttpPool {
  readonly connection = new Recorder();
  readonly openConnections = 1;
  readonly openStreams = 0;

  dispatch(request: ClearedRequest, block: HeaderBlock | null): void {
    if (block === null) request.send(this.connection);
    else request.sendFirst(this.connection, block);
  }

  forget(): void {}
  forEachOpen(): void {}
  sweep(): void {}
  cut(): void {}
  destroy(): void {}
}

/** A shard whose connection the spec has. */
class Shard extends Upstream<RecordingPool> {
  constructor(description: UpstreamDescription = { protocol: 'http2' }) {
    super(context, 'docs', { id: 's1', address: '127.0.0.1:1' }, description, () => new RecordingPool());
  }

  get connection(): Recorder {
    return this.pool.connection;
  }

  get stream(): Stream {
    return this.connection.streams.at(-1) as Stream;
  }
}

function message(headers: Headers): HeaderBlock {
  const block = new HeaderBlock();
  block.set(headers.map(([name, value]) => transientField(name, value)));
  return block;
}

function answer(exchange: Exchange, shard: Shard, headers: Headers, endStream: boolean): void {
  const block = message(headers);
  const head = new MessageHead();
  expect(head.readResponse(block)).toBe(null);
  exchange.onHeaders(shard.stream, head, block, endStream);
}

function routeTo(description: Partial<RouteDescription>, head: MessageHead, block: HeaderBlock): Route {
  const owners = new ClusterOwners({ name: 'docs', upstream: { protocol: 'http2' }, table: null }, null, () => {
    throw new Error('the spec has the shard');
  });
  const route = { match: { path: { prefix: '/' } }, cluster: 'docs', shardKey: [{ value: 'k' }], ...description };
  const snapshot = RoutingSnapshot.empty.by({ routes: [route] }, context.counters, () => owners);
  return snapshot.routeOf(head.path as NonNullable<typeof head.path>, head, block) as Route;
}

/** A request that has begun, with its client's connection. */
function begin(shard: Shard, description: Partial<RouteDescription>, headers: Headers, endStream: boolean) {
  const client = new Recorder();
  const stream = new Stream(1, client, unhandled, 65_535, 65_535);
  stream.remoteEnded = endStream;
  const block = message([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/x'],
    [':authority', 'docs'],
    ...headers,
  ]);
  const head = new MessageHead();
  expect(head.readRequest(block)).toBe(null);
  const route = routeTo(description, head, block);
  const admission = { owner: shard, route, key: 'k', askedBy: 0, client: '192.0.2.1', needs: null, span: null };
  const exchange = new Exchange(context, stream, admission, head, block, endStream);
  stream.handler = exchange;
  exchange.begin(block);
  const content = (text: string, isLast: boolean): void => {
    const bytes = Buffer.from(text);
    exchange.onData(stream, bytes, 0, bytes.length, isLast);
  };
  return { exchange, client, stream, route, content };
}

it('hands on a request and its answer, and counts them for route and owner', () => {
  const shard = new Shard();
  const { exchange, client, route, content } = begin(shard, {}, [], false);
  content('question', true);
  answer(exchange, shard, [[':status', '200']], false);
  exchange.onData(shard.stream, Buffer.from('reply'), 0, 5, true);
  expect(shard.connection.sent).toEqual(['/x', 'question end']);
  expect(client.sent).toEqual(['200', 'reply end']);
  for (const counters of [route.counters, shard.counters])
    expect(counters).toMatchObject({
      requestBytes: 8,
      responseBytes: 5,
      outcomes: [1, 0, 0],
      statuses: { responses: [1, 0, 0, 0] },
    });
  expect(exchange.isOpen).toBe(false);
});

it('sends a request that was refused once more, with the content that it has had', () => {
  const shard = new Shard();
  const { exchange, client, content } = begin(shard, {}, [], false);
  content('one', false);
  content('two', true);
  exchange.onReset(shard.stream, ErrorCode.RefusedStream, ResetCause.Peer);
  expect(shard.connection.sent).toEqual(['/x', 'one', 'two end', '/x', 'onetwo end']);
  expect(shard.counters.retries).toBe(1);
  exchange.onReset(shard.stream, ErrorCode.RefusedStream, ResetCause.Peer);
  expect([client.sent[0], exchange.describe().status]).toEqual(['503', 503]);
});

it('keeps content for an owner that is waited for even if its route has no retries', () => {
  const shard = new Shard({ protocol: 'http2', waitForOwnerMs: 1000 });
  const { exchange, content } = begin(shard, { retries: { attempts: 0, idempotent: false } }, [], false);
  content('kept', true);
  shard.connection.connected = false;
  exchange.onReset(shard.stream, ErrorCode.InternalError, ResetCause.ConnectionLost);
  expect(exchange.isSent).toBe(false);
  exchange.proceed();
  expect(shard.connection.sent.slice(2)).toEqual(['/x', 'kept end']);
  exchange.answer({ refusal: 'deadline', grpcStatus: 4, httpStatus: 504, message: '' });
  shard.destroy();
});

it('answers on its own account once its time is over, and lets the owner know', () => {
  const shard = new Shard();
  const { exchange, client } = begin(shard, { timeoutMs: 100 }, [], true);
  nowMs = 200;
  vi.advanceTimersByTime(200);
  expect(client.sent[0]).toBe('504');
  expect(shard.connection.sent).toEqual(['/x end', `reset ${ErrorCode.Cancel}`]);
  expect([exchange.isOpen, context.counters.refusals.deadline]).toEqual([false, 1]);
});

it('leaves between two messages, and waits for the end of one that is under way', () => {
  const shard = new Shard();
  const { exchange, client } = begin(shard, {}, [['content-type', 'application/grpc']], true);
  const head: Headers = [
    [':status', '200'],
    ['content-type', 'application/grpc'],
  ];
  answer(exchange, shard, head, false);
  const framed = Buffer.from('\0\0\0\0\u0004abcd\0\0\0\0\u0004wxyz');
  exchange.onData(shard.stream, framed, 0, 7, false);
  exchange.leave('end', 'the key moves', 0);
  expect([exchange.isLeaving, client.sent.length]).toEqual([true, 2]);
  exchange.onData(shard.stream, framed, 7, framed.length, false);
  expect(client.sent.slice(2)).toEqual(['cd', 'trailers 14']);
  expect([exchange.isLeaving, exchange.isOpen]).toEqual([false, false]);
});
