import { expect, it } from 'vitest';
import { forEachElement, integerAt, stringAt } from './elements.ts';
import { errorCodeIs, redirectOf } from './redirect.ts';
import {
  arrayReply,
  bulkReply,
  encodeCommand,
  errorReply,
  integerReply,
  mapReply,
  nullArray,
  nullReply,
  pushReply,
  simpleReply,
} from './write.ts';

it('writes replies of both versions: what RESP2 has no type for is the nearest that it has', () => {
  const parts = [bulkReply('a'), integerReply(1)];
  const inBoth = ([2, 3] as const).map((protocol) =>
    [mapReply(parts, protocol), pushReply(parts, protocol), nullReply(protocol), nullArray(protocol)].map(String),
  );
  const both = '$1\r\na\r\n:1\r\n';
  expect(inBoth).toEqual([
    [`*2\r\n${both}`, `*2\r\n${both}`, '$-1\r\n', '*-1\r\n'],
    [`%1\r\n${both}`, `>2\r\n${both}`, '_\r\n', '_\r\n'],
  ]);
});

it('lets no text break out of its line', () => {
  expect(String(errorReply('ERR a\r\n+OK'))).toBe('-ERR a  +OK\r\n');
  expect(String(simpleReply('a\nb'))).toBe('+a b\r\n');
});

it('writes commands of texts and bytes', () => {
  const long = Buffer.alloc(1000, 'x');
  expect(String(encodeCommand(['SET', 'ä', long]))).toBe(`*3\r\n$3\r\nSET\r\n$2\r\nä\r\n$1000\r\n${long}\r\n`);
});

it('finds elements, integers and texts in a reply', () => {
  const wire = arrayReply([
    bulkReply('12'),
    integerReply(-3),
    simpleReply('x'),
    arrayReply([]),
    Buffer.from('=5\r\ntxt:v\r\n'),
  ]);
  const found: Array<[string, number, string | undefined]> = [];
  forEachElement(wire, 0, wire.length, (start, end) => {
    const text = stringAt(wire, start, end);
    found.push([
      wire.toString('utf8', start, end),
      integerAt(wire, start),
      text === null ? undefined : String(Buffer.from(text)),
    ]);
  });
  expect(found).toEqual([
    ['$2\r\n12\r\n', 12, '12'],
    [':-3\r\n', -3, undefined],
    ['+x\r\n', Number.NaN, 'x'],
    ['*0\r\n', Number.NaN, undefined],
    ['=5\r\ntxt:v\r\n', Number.NaN, 'v'],
  ]);
  forEachElement(Buffer.from('$1\r\na\r\n'), 0, 7, () => expect.unreachable());
  forEachElement(Buffer.from('*-1\r\n'), 0, 5, () => expect.unreachable());
});

it('finds elements behind attributes, and the key and the value of a map in turn', () => {
  const wire = Buffer.from('|1\r\n+a\r\n:9\r\n%2\r\n+k\r\n:1\r\n|1\r\n+b\r\n:8\r\n+l\r\n*1\r\n:2\r\n');
  const found: string[] = [];
  forEachElement(wire, 0, wire.length, (start, end) => found.push(wire.toString('latin1', start, end)));
  expect(found).toEqual(['+k\r\n', ':1\r\n', '|1\r\n+b\r\n:8\r\n+l\r\n', '*1\r\n:2\r\n']);
});

it.each([
  ['-MOVED 3999 127.0.0.1:6381\r\n', { kind: 'moved', slot: 3999, address: '127.0.0.1:6381' }],
  ['-ASK 16383 ::1:6381\r\n', { kind: 'ask', slot: 16383, address: '::1:6381' }],
  ['-MOVED 1 :6381\r\n', { kind: 'moved', slot: 1, address: ':6381' }],
  ['-MOVEDX 1 a:1\r\n', null],
  ['-MOVED x a:1\r\n', null],
  ['-MOVED 1\r\n', null],
  ['+MOVED 1 a:1\r\n', null],
])('reads where a server sends a client: %j', (wire, redirect) => {
  expect(redirectOf(Buffer.from(wire), 0, wire.length)).toEqual(redirect);
});

it('tells the code of an error from one that only begins like it', () => {
  const codeIs = (wire: string, code: string): boolean => errorCodeIs(Buffer.from(wire), 0, wire.length, code);
  expect(codeIs('-LOADING Redis is loading\r\n', 'LOADING')).toBe(true);
  expect(codeIs('-OOM\r\n', 'OOM')).toBe(true);
  expect(codeIs('-LOADINGS\r\n', 'LOADING')).toBe(false);
  expect(codeIs('-LOAD', 'LOADING')).toBe(false);
});
