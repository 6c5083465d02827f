import fc from 'fast-check';
import { expect, it } from 'vitest';
import { arrayReply, bulkReply, type Command, commandOf, encodeCommand } from '../../../resp/index.ts';
import { type CommandInfo, findCommand } from '../commands/index.ts';
import { type AnswerRole, answerOfAll, answerRole } from './answer-role.ts';
import { insertInto } from './insert-into.ts';
import { NamesInAnswer } from './names-in-answer.ts';
import { namesInPush } from './names-in-push.ts';
import { OwnNames } from './own-names.ts';

const names = new OwnNames('t:');

function infoOf(line: string): CommandInfo {
  const info = findCommand(commandOf(line.split(' ')));
  if (info === null) throw new Error(`no command: ${line}`);
  return info;
}

/** The words of a command as servers get it. */
function sent(line: string, own = names): string {
  const named = own.command(infoOf(line), commandOf(line.split(' ')), 1000) as Command;
  return Array.from({ length: named.count }, (_, i) => named.text(i)).join(' ');
}

it('puts the prefix on every key of a command, and on nothing else', () => {
  for (const [line, atServers] of [
    ['SET a a', 'SET t:a a'],
    ['MSET a 1 b 2', 'MSET t:a 1 t:b 2'],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'ZUNIONSTORE t:d 2 t:a t:b WEIGHTS 1 2'],
    ['XREADGROUP GROUP g c COUNT 1 STREAMS a b > >', 'XREADGROUP GROUP g c COUNT 1 STREAMS t:a t:b > >'],
    ['BLPOP a {b}c 0', 'BLPOP t:a t:{b}c 0'],
    ['EVAL script 2 a b c', 'EVAL script 2 t:a t:b c'],
    ['OBJECT ENCODING a', 'OBJECT ENCODING t:a'],
    ['GEORADIUS a 1 2 3 km STORE b', 'GEORADIUS t:a 1 2 3 km STORE t:b'],
    ['SORT a BY w_* GET # GET o_*->f LIMIT 0 5 STORE b', 'SORT t:a BY t:w_* GET # GET t:o_*->f LIMIT 0 5 STORE t:b'],
    ['SORT a STORE get GET o_*', 'SORT t:a STORE t:get GET t:o_*'],
    ['SORT a BY nosort', 'SORT t:a BY nosort'],
    ['SORT_RO a BY w_*', 'SORT_RO t:a BY t:w_*'],
    ['COMMAND GETKEYS GET a', 'COMMAND GETKEYS GET a'],
    ['WATCH a b', 'WATCH t:a t:b'],
    ['PING a', 'PING a'],
  ] as const)
    expect(sent(line)).toBe(atServers);
});

it('puts it on patterns and channels too, where it means itself', () => {
  const own = new OwnNames('a?[b]\\:');
  const escaped = 'a\\?\\[b\\]\\\\:';
  for (const [line, atServers] of [
    ['KEYS *', `KEYS ${escaped}*`],
    ['SCAN 0', `SCAN 0 match ${escaped}*`],
    ['SCAN 0 MATCH x* COUNT 5 MATCH y', `SCAN 0 MATCH ${escaped}x* COUNT 5 MATCH ${escaped}y`],
    ['PUBSUB CHANNELS', `PUBSUB CHANNELS ${escaped}*`],
    ['PUBSUB CHANNELS x?', `PUBSUB CHANNELS ${escaped}x?`],
    ['PUBSUB NUMSUB x y', `PUBSUB NUMSUB ${own.prefix}x ${own.prefix}y`],
    ['PUBSUB NUMSUB', 'PUBSUB NUMSUB'],
    ['SUBSCRIBE x __keyspace@0__:x', `SUBSCRIBE ${own.prefix}x __keyspace@0__:${own.prefix}x`],
    ['PSUBSCRIBE x* __keyspace@*__:x*', `PSUBSCRIBE ${escaped}x* __keyspace@*__:${escaped}x*`],
    ['SSUBSCRIBE __keyspace@0__:x', `SSUBSCRIBE ${own.prefix}__keyspace@0__:x`],
    ['PUBLISH x x', `PUBLISH ${own.prefix}x x`],
    ['UNSUBSCRIBE', 'UNSUBSCRIBE'],
  ] as const)
    expect(sent(line, own)).toBe(atServers);
});

it('inserts into any argument of any command, and leaves its other bytes as they are', () => {
  const word = fc.uint8Array({ maxLength: 12 });
  const input = fc.tuple(fc.array(word, { minLength: 1, maxLength: 30 }), fc.uint8Array({ maxLength: 9 }), fc.nat());
  fc.assert(
    fc.property(input, ([words, insertion, seed]) => {
      const places = words.map((_, i) => i).filter((i) => i > 0 && (seed >> (i % 30)) % 2 === 1);
      const offsetIn = (i: number): number => Math.min(seed % 3, (words[i] as Uint8Array).length);
      const named = insertInto(commandOf(words), Int32Array.from(places), insertion, 10_000, offsetIn) as Command;
      const wanted = words.map((each, i) =>
        places.includes(i)
          ? Buffer.concat([each.subarray(0, offsetIn(i)), insertion, each.subarray(offsetIn(i))])
          : each,
      );
      expect(named.raw()).toEqual(encodeCommand(wanted));
      expect(Array.from({ length: named.count }, (_, i) => [...named.copy(i)])).toEqual(
        wanted.map((each) => [...each]),
      );
    }),
  );
});

it('makes no command longer than it may become, wherever its names stand', () => {
  const own = new OwnNames('*:');
  for (const line of [
    ...['EXISTS a b', 'SORT a GET x_* GET y_*', 'BLPOP a b 0', 'EVAL script 2 a b', 'WATCH a b', 'PUBLISH a b'],
    ...['SUBSCRIBE a b', 'PSUBSCRIBE a* b*', 'SUNSUBSCRIBE a b', 'KEYS *', 'SCAN 0', 'SCAN 0 MATCH a MATCH b'],
    ...['PUBSUB CHANNELS', 'PUBSUB CHANNELS a*', 'PUBSUB NUMSUB a b'],
  ]) {
    const command = commandOf(line.split(' '));
    const { length } = encodeCommand(sent(line, own).split(' '));
    expect(own.command(infoOf(line), command, length)?.raw()).toHaveLength(length);
    expect([line, own.command(infoOf(line), command, length - 1)]).toEqual([line, null]);
  }
});

const BLPOP = '*2\r\n$4\r\nt:ab\r\n$4\r\nt:ab\r\n';
const ANSWERS: ReadonlyArray<readonly [command: string, answer: string, own: string]> = [
  ['GET a', '$4\r\nt:ab\r\n', '$4\r\nt:ab\r\n'],
  ['GET a', "-ERR 't:a' and t:b\r\n", "-ERR 'a' and t:b\r\n"],
  [
    'KEYS *',
    '*3\r\n$2\r\nt:\r\n$12\r\nt:0123456789\r\n$1\r\nx\r\n',
    '*3\r\n$0\r\n\r\n$10\r\n0123456789\r\n$1\r\nx\r\n',
  ],
  ['SCAN 0', '*2\r\n$3\r\nt:5\r\n*1\r\n$3\r\nt:a\r\n', '*2\r\n$3\r\nt:5\r\n*1\r\n$1\r\na\r\n'],
  ['SCAN 0', '*2\r\n$1\r\n0\r\n*0\r\n', '*2\r\n$1\r\n0\r\n*0\r\n'],
  ['BLPOP a 0', BLPOP, '*2\r\n$2\r\nab\r\n$4\r\nt:ab\r\n'],
  ['BLPOP a 0', '*-1\r\n', '*-1\r\n'],
  ['BLPOP a 0', '_\r\n', '_\r\n'],
  ['LMPOP 1 a LEFT', '*2\r\n$3\r\nt:a\r\n*1\r\n$3\r\nt:a\r\n', '*2\r\n$1\r\na\r\n*1\r\n$3\r\nt:a\r\n'],
  [
    'XREAD STREAMS a 0',
    '*2\r\n*2\r\n$3\r\nt:a\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$3\r\nt:a\r\n$3\r\nt:b\r\n*2\r\n$3\r\nt:b\r\n*0\r\n',
    '*2\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$3\r\nt:a\r\n$3\r\nt:b\r\n*2\r\n$1\r\nb\r\n*0\r\n',
  ],
  ['XREAD STREAMS a 0', '%1\r\n$3\r\nt:a\r\n*1\r\n$3\r\nt:a\r\n', '%1\r\n$1\r\na\r\n*1\r\n$3\r\nt:a\r\n'],
  ['PUBSUB NUMSUB a b', '*4\r\n$3\r\nt:a\r\n:1\r\n$3\r\nt:b\r\n:0\r\n', '*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n'],
  ['PUBSUB NUMSUB a', '%1\r\n$3\r\nt:a\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
];

/** An answer in pieces, as it goes on to its client. */
function takenIn(sizes: readonly number[], role: AnswerRole, answer: string, by = names): string {
  const inAnswer = new NamesInAnswer(by, role);
  const bytes = Buffer.from(answer, 'latin1');
  let own = '';
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const to = Math.min(bytes.length, at + (sizes[i % sizes.length] as number));
    own += Buffer.from(inAnswer.take(bytes, at, to)).toString('latin1');
    at = to;
  }
  return own;
}

it('takes the prefix off the names in answers, in whatever pieces they come, and off nothing else', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(sizes, fc.nat(ANSWERS.length - 1), (pieces, i) => {
      const [line, answer, own] = ANSWERS[i] as (typeof ANSWERS)[number];
      // Errors, and they alone, come in one piece.
      const inOne = answer.startsWith('-');
      expect(takenIn(inOne ? [answer.length] : pieces, answerRole(infoOf(line)), answer)).toBe(own);
    }),
    { numRuns: 500 },
  );
});

it('takes off any prefix in any pieces, and only where it stands at the beginning', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '$', '1', '\r', '\n'), maxLength: 12 });
  const prefix = fc.string({ unit: fc.constantFrom('a', 'b', '$'), minLength: 1, maxLength: 40 });
  const value = fc.record({ kind: fc.constantFrom('own', 'other', 'nothing', 'number'), text });
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
  const bulk = (content: string): string => `$${content.length}\r\n${content}\r\n`;
  fc.assert(
    fc.property(prefix, fc.array(value, { maxLength: 20 }), sizes, (own, values, pieces) => {
      const inList = (isOwn: boolean): string => {
        const elements = values.map(({ kind, text: content }) => {
          if (kind === 'nothing') return '$-1\r\n';
          if (kind === 'number') return ':12\r\n';
          return bulk(kind === 'own' ? (isOwn ? content : own + content) : `.${content}`);
        });
        return `*${values.length}\r\n${elements.join('')}`;
      };
      const role = answerRole(infoOf('KEYS *'));
      expect(takenIn(pieces, role, inList(false), new OwnNames(own))).toBe(inList(true));
      expect(takenIn([Number.MAX_SAFE_INTEGER], role, inList(false), new OwnNames(own))).toBe(inList(true));
    }),
    { numRuns: 500 },
  );
});

it('passes on as they are lengths that no server writes, and errors that are very long', () => {
  for (const answer of [`*1\r\n$${'0'.repeat(60)}\r\n`, `*${'1'.repeat(60)}\r\n`, `-${"'t:".repeat(30_000)}\r\n`])
    for (const size of [3, 1000, 1_000_000]) expect(takenIn([size], answerRole(infoOf('KEYS *')), answer)).toBe(answer);
});

it('knows in the answer of EXEC what each command is answered with', () => {
  const roles = ANSWERS.map(([line]) => answerRole(infoOf(line)));
  const inOne = (at: 1 | 2): string => `*${ANSWERS.length}\r\n${ANSWERS.map((each) => each[at]).join('')}`;
  for (const size of [1, 2, 7, 10_000]) expect(takenIn([size], answerOfAll(roles), inOne(1))).toBe(inOne(2));
  expect(takenIn([3], answerOfAll(roles), '*-1\r\n')).toBe('*-1\r\n');
});

it('gives channels and patterns in messages the names that their user gives them', () => {
  const own = new OwnNames('t?');
  for (const [message, heard] of [
    ['*3\r\n$7\r\nmessage\r\n$3\r\nt?a\r\n$3\r\nt?a\r\n', '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\nt?a\r\n'],
    [
      '>4\r\n$8\r\npmessage\r\n$5\r\nt\\?a*\r\n$4\r\nt?ab\r\n$1\r\nx\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$2\r\nab\r\n$1\r\nx\r\n',
    ],
    [
      '*3\r\n$7\r\nmessage\r\n$18\r\n__keyspace@0__:t?a\r\n$3\r\nset\r\n',
      '*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:a\r\n$3\r\nset\r\n',
    ],
    ['*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n', '*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n'],
  ] as const) {
    const bytes = Buffer.from(message, 'latin1');
    expect(Buffer.from(namesInPush(own, bytes, 0, bytes.length) ?? []).toString('latin1')).toBe(heard);
  }
});

it('drops messages of channels that are not of their user, and nothing that it has asked for', () => {
  const pushed = (...words: string[]): boolean => {
    const bytes = arrayReply(words.map((word) => bulkReply(word)));
    return namesInPush(names, bytes, 0, bytes.length) !== null;
  };
  const pattern = '__keyspace@*__:t:a';
  expect(pushed('pmessage', pattern, '__keyspace@0__:t:a', 'set')).toBe(true);
  // A key of another user, in whose name the user's own one stands.
  expect(pushed('pmessage', pattern, '__keyspace@0__:other:x__:t:a', 'set')).toBe(false);
  expect(pushed('message', 'other:a', 't:a')).toBe(false);
  expect(pushed('smessage', 'other:a', 't:a')).toBe(false);
  expect(pushed('psubscribe', '*', '1')).toBe(true);
});
