import { expect, it } from 'vitest';
import { type HeaderBlock, Stream, type StreamConnection, unhandled } from '../../../http/index.ts';
import type { ClientProtocol } from '../../../rpc/index.ts';
import { TrafficCounters } from '../../core/counters.ts';
import { grpcStatuses, statusClasses } from '../observe/statuses.ts';
import { endWithReply, localReply, sendReply } from './local-reply.ts';

/** What a client got, in lines; its connection does nothing else. */
class Client implements StreamConnection {
  readonly ready = true;
  readonly connected = true;
  readonly endedBecause = '';
  readonly resetsStreams = true;
  readonly tunnels = true;
  readonly got: string[] = [];
  readonly stream = new Stream(1, this, unhandled, 65_535, 65_535);

  sendHeaders(_stream: Stream, block: HeaderBlock): void {
    this.got.push(...block.copy().map(({ name, text }) => `${name.text}: ${text}`));
  }

  sendTrailers(stream: Stream, block: HeaderBlock): void {
    this.sendHeaders(stream, block);
  }

  sendData(_stream: Stream, bytes: Uint8Array, start: number, end: number, endStream: boolean): void {
    this.got.push(`${Buffer.from(bytes.subarray(start, end)).toString('latin1')}${endStream ? ' end' : ''}`);
  }

  reset(_stream: Stream, code: number): void {
    this.got.push(`reset ${code}`);
  }

  grant(): void {}
  declineTunnel(): boolean {
    return false;
  }
  letGo(): void {}
  shutdown(): void {}
  destroy(): void {}
}

const reply = localReply.moved('the key has moved', 'unavailable', 1500);

function replied(protocol: ClientProtocol): { readonly got: readonly string[]; readonly counters: TrafficCounters } {
  const client = new Client();
  const counters = new TrafficCounters([statusClasses, grpcStatuses]);
  sendReply(counters, client.stream, protocol, reply, []);
  return { got: client.got, counters };
}

function ended(protocol: ClientProtocol, betweenMessages: boolean, mayEnd: boolean): readonly string[] {
  const client = new Client();
  endWithReply(new TrafficCounters(), client.stream, protocol, reply, betweenMessages, mayEnd);
  return client.got;
}

it('answers in HTTP by its status, a sentence, and when to come again', () => {
  const { got, counters } = replied('http');
  expect(got).toContain(':status: 503');
  expect(got).toContain('retry-after: 2');
  expect(got.at(-1)).toBe('the key has moved\n end');
  expect(counters.statuses.responses).toEqual([0, 0, 0, 1]);
});

it('answers in gRPC by trailers alone, and counts its status', () => {
  const { got, counters } = replied('grpc');
  expect(got).toEqual(expect.arrayContaining([':status: 200', 'grpc-status: 14', 'grpc-retry-pushback-ms: 1500']));
  expect(counters.statuses.grpc_responses?.[14]).toBe(1);
});

it('answers in Connect by its own name of the error', () => {
  expect(JSON.parse((replied('connect').got.at(-1) as string).replace(/ end$/, ''))).toEqual({
    code: 'unavailable',
    message: 'the key has moved',
  });
});

it('ends an answer that has begun in the way of its protocol, and resets it where that has none', () => {
  expect(ended('grpc', false, false)).toContain('grpc-status: 14');
  expect(ended('grpc-web', true, false).at(-1)).toMatch(/grpc-status: 14[\s\S]* end$/);
  expect(ended('grpc-web', false, false)).toEqual(['reset 2']);
  expect(ended('http', false, true)).toEqual([' end']);
  expect(ended('http', false, false)).toEqual(['reset 2']);
});

it.each<ClientProtocol>([
  'http',
  'connect',
  'connect-stream',
  'grpc-web',
])('answers 421 in %s where the key is lost, so that a router sees it', (protocol) => {
  const client = new Client();
  sendReply(new TrafficCounters(), client.stream, protocol, localReply.lostKey('docs', 7), []);
  expect(client.got).toEqual(expect.arrayContaining([':status: 421', 'x-keyway-stale: 7']));
});

it('closes a WebSocket of a key that moves with 1012 between two frames, and cuts it inside of one', () => {
  const close = (betweenMessages: boolean): readonly string[] => {
    const client = new Client();
    endWithReply(new TrafficCounters(), client.stream, 'websocket', reply, betweenMessages, false);
    return client.got;
  };
  expect(close(true).join()).toContain('the key has moved');
  expect(close(false).join()).toContain('reset');
});
