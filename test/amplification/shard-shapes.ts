import { FrameType } from '../../src/http2/frames.ts';
import { frame, headerBlock, word } from '../support/raw-peer.ts';
import type { Dice, Shape } from './shape.ts';
import { data, END_HEADERS, END_STREAM, idOf, literal, request, SHAPE_BYTES, setting, upTo } from './wire.ts';

/** A shard of HTTP/2 that answers with frames of any type, to clients that read or do not. */
export function hostileShard(dice: Dice): Shape {
  const status = Buffer.from([0x88]);
  const begun = (id: number): Buffer => frame(FrameType.Headers, END_HEADERS, id, status);
  const early = headerBlock([
    [':status', '103'],
    ['link', 'x'.repeat(dice.size(500))],
  ]);
  const size = dice.oneOf(0, 1, dice.size(5000));
  const answers: Record<string, (id: number) => Buffer> = {
    DATA: (id) => Buffer.concat([begun(id), upTo(SHAPE_BYTES, () => data(id, size, dice.oneOf(-1, 3)))]),
    '103 without end': (id) => upTo(SHAPE_BYTES, () => frame(FrameType.Headers, END_HEADERS, id, early)),
    SETTINGS: () => upTo(SHAPE_BYTES, () => setting(dice.between(1, 9), dice.between(16_384, 65_535))),
    PING: () => upTo(SHAPE_BYTES, () => frame(FrameType.Ping, dice.oneOf(0, 1), 0, Buffer.alloc(8))),
    GOAWAY: () => upTo(SHAPE_BYTES, () => frame(FrameType.Goaway, 0, 0, Buffer.concat([word(2 ** 31 - 1), word(0)]))),
    WINDOW_UPDATE: (id) => upTo(SHAPE_BYTES, () => frame(FrameType.WindowUpdate, 0, dice.oneOf(0, id), word(1))),
    RST_STREAM: (id) => upTo(SHAPE_BYTES, () => frame(FrameType.RstStream, 0, id, word(dice.between(0, 13)))),
    PUSH_PROMISE: (id) => frame(FrameType.PushPromise, END_HEADERS, id, Buffer.concat([word(2), status])),
    'headers without end': (id) => Buffer.concat([begun(id).fill(0, 4, 5), Buffer.alloc(0)]),
    'many fields': (id) =>
      frame(
        FrameType.Headers,
        END_HEADERS | END_STREAM,
        id,
        Buffer.concat([status, ...Array.from({ length: 300 }, (_, i) => literal(`x-${id}-${i}`, 'v', 0x40))]),
      ),
    'unknown frames': (id) =>
      upTo(SHAPE_BYTES, () => frame(dice.between(10, 255), 0, id, Buffer.alloc(dice.size(300)))),
    'a frame cut off': (id) => frame(FrameType.Headers, END_HEADERS, id, Buffer.alloc(16_000, 0x88)).subarray(0, 5000),
  };
  const name = dice.oneOf(...Object.keys(answers));
  const streams = name === 'many fields' ? 30 : 1;
  const reads = dice.between(0, 1) === 1;
  const heads = Array.from({ length: streams }, (_, i) =>
    request(idOf(i), 'http2', 'GET', [], END_HEADERS | END_STREAM),
  );
  return {
    kind: 'a hostile shard of HTTP/2',
    detail: `${name}, sizes ${size}, to a client that ${reads ? 'reads' : 'does not read'}`,
    clients: [{ pieces: [setting(4, dice.oneOf(0, 65_535)), ...heads], reads, streams }],
    answer: answers[name] as (id: number) => Buffer,
    http1Answer: null,
  };
}

/** A shard of HTTP/1.1 that answers in pieces of any size. */
export function hostileHttp1Shard(dice: Dice): Shape {
  const size = dice.oneOf(1, 1, dice.between(1, 3000));
  const chunk = Buffer.from(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`);
  const lines = (count: number): string => Array.from({ length: count }, (_, i) => `x-${i}: ${i}\r\n`).join('');
  const answers: Record<string, () => Buffer> = {
    chunks: () =>
      Buffer.concat([
        Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'),
        upTo(SHAPE_BYTES, () => chunk),
      ]),
    '103 without end': () => upTo(SHAPE_BYTES, () => Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n')),
    'many headers': () => Buffer.from(`HTTP/1.1 200 OK\r\n${lines(900)}content-length: 0\r\n\r\n`),
    'names in Connection': () =>
      Buffer.from(`HTTP/1.1 200 OK\r\nconnection: ${'a,'.repeat(9000)}b\r\n${lines(900)}content-length: 0\r\n\r\n`),
    'a head without end': () => Buffer.from(`HTTP/1.1 200 OK\r\n${lines(900)}`),
  };
  const name = dice.oneOf(...Object.keys(answers));
  const reads = dice.between(0, 1) === 1;
  return {
    kind: 'a hostile shard of HTTP/1.1',
    detail: `${name}, chunks of ${size}, to a client that ${reads ? 'reads' : 'does not read'}`,
    clients: [
      {
        pieces: [setting(4, dice.oneOf(0, 65_535)), request(1, 'http1', 'GET', [], END_HEADERS | END_STREAM)],
        reads,
        streams: 1,
      },
    ],
    answer: null,
    http1Answer: (answers[name] as () => Buffer)(),
  };
}
