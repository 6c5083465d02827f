import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { field } from '../../../http/index.ts';
import { MessageReader } from '../../../rpc/message-reader.ts';
import { resumeToken } from './resume.ts';
import { WatchReplay } from './watch-replay.ts';

function envelope(message: Uint8Array, flags = 0): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** An event with a document inside: {1: kind, 2: {1: key, 3: revision}}. */
function event(revision: number | null): Uint8Array {
  const document = new BinaryWriter().tag(1, WireType.LengthDelimited).string('p/d');
  if (revision !== null) document.tag(3, WireType.Varint).int64(revision);
  const writer = new BinaryWriter().tag(1, WireType.Varint).int32(1);
  return writer.tag(2, WireType.LengthDelimited).bytes(document.finish()).finish();
}

/** The numbers and values of a message's fields. */
function fieldsOf(message: Uint8Array): unknown[] {
  const reader = new BinaryReader(message);
  const fields: unknown[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    fields.push([
      number,
      wireType === WireType.Varint ? Number(reader.int64()) : Buffer.from(reader.bytes()).toString(),
    ]);
  }
  return fields;
}

const account = { bytes: 0, allows: () => true };
const RULE = { protobuf: { seen: [2, 3], into: [2] } };
const request = new BinaryWriter()
  .tag(1, WireType.LengthDelimited)
  .string('p/d')
  .tag(2, WireType.Varint)
  .int64(5)
  .finish();

it('puts the last value of a protobuf field into the request, in the place of what stood there', () => {
  const token = resumeToken(RULE);
  expect(token.message(request)).toEqual(request);
  token.onMessage(event(70_000));
  token.onMessage(event(70_001));
  token.onMessage(event(null));
  expect(fieldsOf(token.message(request))).toEqual([
    [1, 'p/d'],
    [2, 70_001],
  ]);
});

it('takes a field that is left out for what the rule says, where the message around it is there', () => {
  const token = resumeToken({ protobuf: { ...RULE.protobuf, absent: 0 } });
  token.onMessage(new Uint8Array(0));
  expect(token.message(request)).toEqual(request);
  token.onMessage(event(null));
  expect(fieldsOf(token.message(request))).toEqual([
    [1, 'p/d'],
    [2, 0],
  ]);
});

it('keeps a value even when the buffer that it came in is reused', () => {
  const token = resumeToken(RULE);
  const bytes = Buffer.from(event(70_000));
  token.onMessage(bytes);
  bytes.fill(0xff);
  expect(fieldsOf(token.message(request))).toContainEqual([2, 70_000]);
});

it('makes the messages on the way to a nested field of the request', () => {
  const token = resumeToken({ protobuf: { seen: [2, 3], into: [7, 2] } });
  token.onMessage(event(9));
  const [, , [number, inner]] = fieldsOf(token.message(request)) as Array<[number, string]> as [
    unknown,
    unknown,
    [number, string],
  ];
  expect([number, fieldsOf(Buffer.from(inner))]).toEqual([7, [[2, 9]]]);
});

it('does the same for members of JSON, and for headers', () => {
  const json = resumeToken({ json: { seen: ['document', 'revision'], into: ['from', 'revision'] } });
  json.onMessage(Buffer.from('{"document":{"revision":"12"}}'));
  json.onMessage(Buffer.from('{"document":null}'));
  expect(JSON.parse(Buffer.from(json.message(Buffer.from('{"key":"p/d"}'))).toString())).toEqual({
    key: 'p/d',
    from: { revision: '12' },
  });
  const header = resumeToken({ header: { seen: 'X-Revision', into: 'X-After' } });
  header.onHead((name) => (name === 'x-revision' ? '7' : undefined));
  const fields = header.head([field('x-after', '3'), field('x-shard-key', 'k')]);
  expect(fields.map(({ name, text }) => [name.text, text])).toEqual([
    ['x-shard-key', 'k'],
    ['x-after', '7'],
  ]);
});

it('finds messages however their bytes are cut', () => {
  const bytes = Buffer.concat([
    envelope(Buffer.from('one')),
    envelope(Buffer.from('')),
    envelope(Buffer.from('three')),
  ]);
  for (let size = 1; size <= bytes.length; size++) {
    const found: string[] = [];
    const reader = new MessageReader((message) => found.push(Buffer.from(message).toString()));
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes, at, Math.min(bytes.length, at + size));
    expect(found).toEqual(['one', '', 'three']);
  }
});

it('copies a message that comes in small parts about twice, not once for each', () => {
  const copied: number[] = [];
  const set = Uint8Array.prototype.set;
  const whole = envelope(Buffer.alloc(200_000, 'x'));
  let found = 0;
  const reader = new MessageReader((message) => {
    found = message.length;
  });
  Uint8Array.prototype.set = function counted(this: Uint8Array, from: ArrayLike<number>, at?: number): void {
    copied.push(from.length);
    set.call(this, from, at);
  };
  try {
    for (let at = 0; at < whole.length; at += 10) reader.read(whole, at, Math.min(whole.length, at + 10));
  } finally {
    Uint8Array.prototype.set = set;
  }
  expect(found).toBe(200_000);
  expect(reader.carriedBytes).toBe(0);
  expect(copied.reduce((sum, each) => sum + each, 0)).toBeLessThan(3 * whole.length);
});

it('gives up a watch that it cannot follow: compressed answers, invalid messages, a request too long to keep', () => {
  const follows = (content: Uint8Array): boolean => {
    const replay = new WatchReplay(RULE, account);
    replay.onRequest(envelope(request), 0, request.length + 5);
    replay.onResponse(content, 0, content.length);
    return replay.isPossible;
  };
  expect(follows(envelope(event(1)))).toBe(true);
  expect(follows(envelope(event(1), 1))).toBe(false);
  expect(follows(envelope(Buffer.from([0xff, 0xff, 0xff])))).toBe(false);
  const long = new WatchReplay(undefined, account);
  long.onRequest(new Uint8Array(70_000), 0, 70_000);
  expect(long.isPossible).toBe(false);
});
