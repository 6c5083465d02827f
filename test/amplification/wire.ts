import { FrameType } from '../../src/http2/frames.ts';
import { frame, headerBlock, word } from '../support/raw-peer.ts';

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
/** So much of a shape's bytes, about: enough to tell what a byte costs from what the measuring does. */
export const SHAPE_BYTES = 200_000;

/** What a request is to find: a shard of HTTP/2 or of HTTP/1.1, or nobody, for it has no key. */
export type Aim = 'http2' | 'http1' | 'nobody';

export const idOf = (i: number): number => 2 * i + 1;

type Fields = ReadonlyArray<readonly [name: string, value: string]>;

export function requestFields(aim: Aim, method: string, more: Fields = []): Fields {
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', aim === 'http1' ? '/http1' : '/'],
    [':authority', 'test'],
    ...(aim === 'nobody' ? [] : [['x-shard-key', 'key'] as const]),
    ...more,
  ];
}

export function request(id: number, aim: Aim, method: string, more: Fields = [], flags = END_HEADERS): Buffer {
  return frame(FrameType.Headers, flags, id, headerBlock(requestFields(aim, method, more)));
}

/** DATA of `size` bytes, and `padding` beside its length where that is not below 0. */
export function data(id: number, size: number, padding: number, flags = 0): Buffer {
  if (padding < 0) return frame(FrameType.Data, flags, id, Buffer.alloc(size, 'x'));
  const payload = Buffer.alloc(1 + size + padding, 'x');
  payload[0] = padding;
  return frame(FrameType.Data, flags | PADDED, id, payload);
}

/** SETTINGS of one entry. */
export function setting(id: number, value: number): Buffer {
  return frame(FrameType.Settings, 0, 0, Buffer.concat([Buffer.from([0, id]), word(value)]));
}

/** Frames, one by one until they have so many bytes together. */
export function upTo(bytes: number, make: (i: number) => Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let i = 0, sum = 0; sum < bytes; i++) {
    const each = make(i);
    sum += each.length;
    frames.push(each);
  }
  return Buffer.concat(frames);
}

/** A literal (RFC 7541, 6.2) in plain letters; `first` is 0x40 where it enters the table, 0x10 where it never may. */
export function literal(name: string, value: string, first: number): Buffer {
  return Buffer.concat([Buffer.from([first]), plainString(name), plainString(value)]);
}

function plainString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const prefix = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) prefix.push((rest & 127) | 128);
  prefix.push(rest);
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** `bytes` cut into pieces of a size, to come one by one. */
export function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
