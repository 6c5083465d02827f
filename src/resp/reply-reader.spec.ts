import { Buffer } from 'node:buffer';
import { Decoder, RESP_TYPES } from '@redis/client/dist/lib/RESP/decoder.js';
import fc from 'fast-check';
import RedisParser from 'redis-parser';
import { describe, expect, it } from 'vitest';
import { forEachElement } from './elements.ts';
import { decodeReply, type Reply, ReplyError } from './reply.ts';
import { ReplyReader } from './reply-reader.ts';
import { ReplyScanner } from './reply-scanner.ts';
import { INCOMPLETE, MALFORMED } from './reply-type.ts';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A reply as a value, of its bytes as text. */
function decoded(wire: string): Reply {
  const bytes = Buffer.from(wire, 'latin1');
  return decodeReply(bytes, 0, bytes.length);
}

/** Replies as a reader reports them: whole ones, and the parts of others joined. */
function read(sent: Buffer, pieces: readonly number[] = []): { replies: string[]; types: string; faults: string[] } {
  const replies: string[] = [];
  const faults: string[] = [];
  let types = '';
  let parts: Buffer[] = [];
  const reader = new ReplyReader({
    onReply: (bytes, start, end, type) => {
      replies.push(latin1(bytes.subarray(start, end)));
      types += String.fromCharCode(type);
    },
    onReplyPart: (bytes, start, end, type, isLast) => {
      parts.push(Buffer.from(bytes.subarray(start, end)));
      if (!isLast) return;
      replies.push(latin1(Buffer.concat(parts)));
      types += String.fromCharCode(type);
      parts = [];
    },
    onFault: ({ message }) => faults.push(message),
  });
  let at = 0;
  for (const size of [...pieces, sent.length]) {
    const end = Math.min(sent.length, at + size);
    const shared = Buffer.alloc(end - at + 7, '$');
    sent.copy(shared, 3, at, end);
    reader.receive(shared, 3, 3 + end - at);
    shared.fill('!');
    at = end;
  }
  return { replies, types, faults };
}

const line = fc.stringMatching(/^[a-z A-Z0-9.]{0,20}$/);
const text = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.integer({ min: 3000, max: 9000 }).map((length) => new Uint8Array(length).fill(120)),
  fc.constantFrom('\r\n', '$3\r\n', '').map((each) => Uint8Array.from(Buffer.from(each))),
);
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });

const key = fc.integer({ max: 99 }).map((each) => `key ${each}`);
const bulk = text.map((each): Reply => ({ type: 'bulk', bytes: Buffer.from(each) }));
const leaf2: fc.Arbitrary<Reply> = fc.oneof(
  line.map((each): Reply => ({ type: 'simple', text: each })),
  line.map((each): Reply => ({ type: 'error', text: `ERR ${each}` })),
  fc.integer().map((value): Reply => ({ type: 'integer', value })),
  bulk,
);
const leaf3: fc.Arbitrary<Reply> = fc.oneof(
  leaf2,
  fc.constant<Reply>({ type: 'null' }),
  fc.boolean().map((value): Reply => ({ type: 'boolean', value })),
  fc.integer().map((value): Reply => ({ type: 'double', text: `${value}.5` })),
  fc.bigInt().map((value): Reply => ({ type: 'big-number', text: String(value) })),
  ascii.map((each): Reply => ({ type: 'verbatim', format: 'txt', bytes: Buffer.from(each) })),
);

function treeOf(
  leaf: fc.Arbitrary<Reply>,
  types: ReadonlyArray<'array' | 'set'>,
  hasMaps: boolean,
): fc.Arbitrary<Reply> {
  const { tree } = fc.letrec<{ tree: Reply }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.constantFrom(...types), fc.array(tie('tree'), { maxLength: 6 }))
        .map(([type, items]) => ({ type, items })),
      ...(hasMaps
        ? [
            fc
              // Other decoders' maps have each key once.
              .uniqueArray(fc.tuple(key, tie('tree')), { maxLength: 4, selector: ([name]) => name })
              .map((pairs) =>
                pairs.map(([name, value]) => [{ type: 'bulk', bytes: Buffer.from(name) }, value] as const),
              )
              .map((entries): Reply => ({ type: 'map', entries })),
          ]
        : []),
    ),
  }));
  return tree;
}
const tree2 = treeOf(leaf2, ['array'], false);
const tree3 = treeOf(leaf3, ['array', 'set'], true);
const anyPieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3000 })));

/** A reply on the wire, the plain way. */
function wireOf(reply: Reply): Buffer {
  const of = (head: string, ...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from(`${head}\r\n`), ...parts]);
  const end = Buffer.from('\r\n');
  switch (reply.type) {
    case 'simple':
      return of(`+${reply.text}`);
    case 'error':
      return of(`-${reply.text}`);
    case 'integer':
      return of(`:${reply.value}`);
    case 'bulk':
      return of(`$${reply.bytes.length}`, reply.bytes, end);
    case 'verbatim':
      return of(`=${reply.bytes.length + 4}`, Buffer.from(`${reply.format}:`), reply.bytes, end);
    case 'null':
      return of('_');
    case 'boolean':
      return of(reply.value ? '#t' : '#f');
    case 'double':
      return of(`,${reply.text}`);
    case 'big-number':
      return of(`(${reply.text}`);
    case 'map':
      return of(`%${reply.entries.length}`, ...reply.entries.flat().map(wireOf));
    default:
      return of(`${{ array: '*', set: '~', push: '>' }[reply.type]}${reply.items.length}`, ...reply.items.map(wireOf));
  }
}

/** A reply as the decoders of others show it. */
function plain(reply: Reply): unknown {
  switch (reply.type) {
    case 'simple':
      return reply.text;
    case 'error':
      return { error: reply.text };
    case 'integer':
    case 'boolean':
      return reply.value;
    case 'bulk':
      return reply.bytes.toString('latin1');
    case 'verbatim':
      return reply.bytes.toString('latin1');
    case 'null':
      return null;
    case 'double':
      return Number(reply.text);
    case 'big-number':
      return BigInt(reply.text);
    case 'map':
      return reply.entries.map((entry) => entry.map(plain));
    default:
      return reply.items.map(plain);
  }
}

function theirs(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (value instanceof Error) return { error: value.message };
  if (value instanceof Map) return [...value].map((entry) => entry.map(theirs));
  return Array.isArray(value) ? value.map(theirs) : value;
}

function byNodeRedis(wire: Buffer): unknown[] {
  const replies: unknown[] = [];
  const take = (value: unknown): unknown => replies.push(theirs(value));
  const mapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.VERBATIM_STRING]: Buffer, [RESP_TYPES.MAP]: Map };
  const decoder = new Decoder({
    onReply: take,
    onErrorReply: take,
    onPush: take,
    getTypeMapping: () => mapping,
  });
  decoder.write(wire);
  return replies;
}

function byRedisParser(wire: Buffer): unknown[] {
  const replies: unknown[] = [];
  const take = (value: unknown): unknown => replies.push(theirs(value));
  new RedisParser({ returnBuffers: true, returnReply: take, returnError: take }).execute(wire);
  return replies;
}

describe('replies', () => {
  it('end where they end, in whatever pieces they come', () => {
    fc.assert(
      fc.property(fc.array(tree3, { maxLength: 8 }), anyPieces, (replies, pieces) => {
        const wires = replies.map(wireOf);
        const found = read(Buffer.concat(wires), pieces);
        expect(found.faults).toEqual([]);
        expect(found.replies).toEqual(wires.map(latin1));
        expect(found.types).toBe(wires.map((wire) => String.fromCharCode(wire[0] as number)).join(''));
      }),
    );
  });

  it('are the values that two other decoders make of them', () => {
    fc.assert(
      fc.property(fc.array(tree3, { maxLength: 5 }), (replies) => {
        const wire = Buffer.concat(replies.map(wireOf));
        const ours = read(wire).replies.map((each) => plain(decoded(each)));
        expect(ours).toEqual(byNodeRedis(wire));
      }),
    );
    fc.assert(
      fc.property(fc.array(tree2, { maxLength: 5 }), (replies) => {
        const wire = Buffer.concat(replies.map(wireOf));
        const ours = read(wire).replies.map((each) => plain(decoded(each)));
        expect(ours).toEqual(byRedisParser(wire));
      }),
    );
  });

  it.each([
    ['$-1\r\n', '$', null],
    ['*-1\r\n', '*', null],
    ['$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n', '$', 'Hello'],
    ['*?\r\n:1\r\n*2\r\n:2\r\n:3\r\n*?\r\n.\r\n.\r\n', '*', [1, [2, 3], []]],
    ['%?\r\n+a\r\n:1\r\n.\r\n', '%', [['a', 1]]],
    ['|1\r\n+ttl\r\n:3600\r\n+OK\r\n', '+', 'OK'],
    ['|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n*1\r\n:2\r\n*2\r\n|1\r\n+c\r\n:3\r\n:4\r\n:5\r\n', '*', [4, 5]],
    ['|?\r\n+a\r\n:1\r\n.\r\n:7\r\n', ':', 7],
    ['>2\r\n+pubsub\r\n:1\r\n', '>', ['pubsub', 1]],
    ['!9\r\nERR a\r\nbc\r\n', '!', { error: 'ERR a\r\nbc' }],
    [':9223372036854775807\r\n', ':', 9223372036854775807n],
  ])('of every type are read: %j', (wire, type, value) => {
    for (const size of [1, 2, 3, 1000]) {
      const pieces = Array.from({ length: wire.length }, () => size);
      const found = read(Buffer.from(`${wire}+next\r\n`), pieces);
      expect(found).toEqual({ replies: [wire, '+next\r\n'], types: `${type}+`, faults: [] });
    }
    expect(plain(decoded(wire))).toEqual(value);
  });

  it('come in parts where they are large, and errors never do', () => {
    const parts: string[] = [];
    const reader = new ReplyReader({
      onReply: (_bytes, start, end, type) => parts.push(`whole ${String.fromCharCode(type)} ${end - start}`),
      onReplyPart: (_bytes, start, end, type, isLast) =>
        parts.push(`part ${String.fromCharCode(type)} ${end - start}${isLast ? ' last' : ''}`),
      onFault: ({ message }) => parts.push(message),
    });
    const send = (wire: string): void => reader.receive(Buffer.from(wire), 0, wire.length);
    send(`$5000\r\n${'x'.repeat(100)}`);
    send('x'.repeat(4000));
    send(`${'x'.repeat(900)}\r\n-ERR ${'y'.repeat(5000)}`);
    send(`${'y'.repeat(5000)}\r\n$4`);
    send('\r\nabcd\r\n');
    expect(parts).toEqual(['part $ 107', 'part $ 4000', 'part $ 902 last', 'whole - 10007', 'whole $ 10']);
  });
});

describe('what is no reply', () => {
  it.each([
    'hello\r\n',
    '$x\r\n',
    '$-2\r\n',
    '%-1\r\n',
    '$1\r\nab\r\n',
    '+OK\n',
    ';1\r\na\r\n',
    '.\r\n',
    '$?\r\n+a\r\n',
    '=?\r\n',
    `$${'1'.repeat(100)}`,
    `*${'9'.repeat(15)}\r\n`,
    '*?\r\n'.repeat(40),
  ])('is a fault, in whatever pieces it comes: %j', (wire) => {
    for (const size of [1, 2, 1000]) {
      const { replies, faults } = read(
        Buffer.from(wire),
        Array.from({ length: wire.length }, () => size),
      );
      expect([replies.length, faults.length]).toEqual([0, 1]);
    }
  });

  it('is found to be the same in whatever pieces it comes, and never makes a reader throw', () => {
    const marks = fc.constantFrom('*', '$', '%', '|', '>', '_', '\r\n', '-', '?', '1', '12', ';', '.', '\r', '\n');
    const spoilt = fc.tuple(fc.array(tree3, { maxLength: 4 }), fc.array(fc.tuple(fc.nat(), marks), { maxLength: 4 }));
    fc.assert(
      fc.property(spoilt, anyPieces, ([replies, spoils], pieces) => {
        let wire = Buffer.concat(replies.map(wireOf)).toString('latin1');
        for (const [place, mark] of spoils) {
          const at = place % (wire.length + 1);
          wire = wire.slice(0, at) + mark + wire.slice(at + (place % 3));
        }
        const bytes = Buffer.from(wire, 'latin1');
        expect(read(bytes, pieces)).toEqual(read(bytes));
        for (const each of read(bytes).replies) {
          try {
            decoded(each);
          } catch (error) {
            expect(error).toBeInstanceOf(ReplyError);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('hostile replies', () => {
  it('may be nested however deeply: their end is found, and no value is made of them', () => {
    const wire = Buffer.from(`${'*1\r\n'.repeat(200_000)}:1\r\n`);
    expect(read(wire).replies[0]?.length).toBe(wire.length);
    expect(() => decodeReply(wire, 0, wire.length)).toThrow(ReplyError);
  });

  it('may have any number of attributes in a row', () => {
    const attributes = '|0\r\n'.repeat(200_000);
    expect(plain(decoded(`${attributes}*1\r\n${attributes}:1\r\n`))).toEqual([1]);
    const wire = Buffer.from(`${attributes}*2\r\n:1\r\n:2\r\n`);
    const found: string[] = [];
    forEachElement(wire, 0, wire.length, (start, end) => found.push(latin1(wire.subarray(start, end))));
    expect(found).toEqual([':1\r\n', ':2\r\n']);
  });

  it('may announce what never comes, which costs nothing', () => {
    for (const head of ['*4294967295\r\n', '$4294967295\r\n', '%2147483647\r\n']) {
      const scanner = new ReplyScanner();
      const wire = Buffer.from(head);
      expect(scanner.scan(wire, 0, wire.length)).toBe(INCOMPLETE);
    }
  });

  it('may not announce more than can be counted', () => {
    const scanner = new ReplyScanner();
    const wire = Buffer.from('*99999999999999\r\n'.repeat(4));
    expect(scanner.scan(wire, 0, wire.length)).toBe(MALFORMED);
  });
});
