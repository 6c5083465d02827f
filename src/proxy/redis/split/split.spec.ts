import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arrayReply,
  bulkReply,
  commandOf,
  decodeReply,
  encodeCommand,
  errorReply,
  integerReply,
  nullReply,
  OK,
  textOf,
} from '../../../resp/index.ts';
import { findCommand, KeyPlaces, keysOf, type Rule } from '../commands/index.ts';
import { mergeEverywhere, mergeParts, ScanCommand, ScanCursors, scanAnswer, scanPage, splitCommand } from './index.ts';

type SplitRule = Extract<Rule, { way: 'split' }>;

function ruleOf(words: readonly string[]): SplitRule {
  const rule = findCommand(commandOf(words))?.rule;
  if (rule?.way !== 'split') throw new Error(`${words[0]} is not split`);
  return rule;
}

/** The words of a command as they are on the wire. */
function wordsOf(wire: Uint8Array): Array<string | null> {
  const reply = decodeReply(wire, 0, wire.length);
  return 'items' in reply ? reply.items.map(textOf) : [];
}

function split(words: readonly string[], shardOf: (key: string) => number) {
  const command = commandOf(words);
  const info = findCommand(command);
  const keys = new KeyPlaces();
  if (info === null || !keysOf(info, command, keys)) throw new Error('no keys');
  return splitCommand(ruleOf(words), command, keys, (key) => shardOf(command.text(keys.at[key] as number)));
}

const byLength = (key: string): number => key.length;

describe('a command with keys on several shards', () => {
  it('is one command for each shard, with its keys in their order', () => {
    const parts = split(['MGET', 'a', 'bb', 'c', 'ddd', 'ee'], byLength);
    expect(parts.map(({ shard, keys, request }) => [shard, keys, wordsOf(request)])).toEqual([
      [1, [0, 2], ['MGET', 'a', 'c']],
      [2, [1, 4], ['MGET', 'bb', 'ee']],
      [3, [3], ['MGET', 'ddd']],
    ]);
  });

  it('takes what belongs to a key with it', () => {
    const parts = split(['mset', 'a', '1', 'bb', '2', 'c', ''], byLength);
    expect(parts.map(({ request }) => wordsOf(request))).toEqual([
      ['mset', 'a', '1', 'c', ''],
      ['mset', 'bb', '2'],
    ]);
  });

  it('is passed on as it is where one shard has all keys, or a key lacks its value', () => {
    for (const words of [
      ['DEL', 'a', 'b'],
      ['mset', 'a', '1', 'bb'],
    ]) {
      const [part, ...others] = split(words, byLength);
      expect(others).toEqual([]);
      expect(part?.request).toEqual(encodeCommand(words));
    }
  });

  it('is answered as one server would, whichever shards have its keys', () => {
    const key = fc.constantFrom('a', 'bb', 'cc', 'ddd', 'eeee', 'a\r\n', '');
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 12 }), fc.func(fc.nat(3)), (keys, shardOf) => {
        const words = ['mget', ...keys];
        const parts = split(words, shardOf);
        const valueFor = (each: string): Buffer =>
          each.length % 2 === 0 ? nullReply(2) : bulkReply(`value of ${each}`);
        const answer = (request: Buffer): Buffer =>
          arrayReply(
            wordsOf(request)
              .slice(1)
              .map((each) => valueFor(each ?? '')),
          );
        const merged = mergeParts(
          ruleOf(words),
          parts,
          parts.map(({ request }) => answer(request)),
        );
        expect(Buffer.from(merged)).toEqual(arrayReply(keys.map(valueFor)));
      }),
    );
  });

  it('has the sum, or the OK, of its parts', () => {
    const del = split(['del', 'a', 'bb'], byLength);
    expect(String(mergeParts(ruleOf(['del']), del, [integerReply(2), integerReply(1)]))).toBe(':3\r\n');
    const mset = split(['mset', 'a', '1', 'bb', '2'], byLength);
    expect(mergeParts(ruleOf(['mset']), mset, [OK, OK])).toEqual(OK);
  });

  it('fails as a whole where one part does, and where shards answer something else', () => {
    const parts = split(['mget', 'a', 'bb'], byLength);
    const failed = errorReply('LOADING Redis is loading');
    expect(mergeParts(ruleOf(['mget']), parts, [arrayReply([OK]), failed])).toEqual(failed);
    for (const odd of [arrayReply([]), arrayReply([OK, OK]), integerReply(1)])
      expect(String(mergeParts(ruleOf(['mget']), parts, [arrayReply([OK]), odd]))).toMatch(/^-ERR the shards/);
    expect(String(mergeParts(ruleOf(['del']), parts, [integerReply(1), OK]))).toMatch(/^-ERR the shards/);
  });
});

describe('a command for all shards', () => {
  const a = bulkReply('a');
  const b = bulkReply('b');
  it.each([
    ['first', [OK, OK], '+OK\r\n'],
    ['sum', [integerReply(2), integerReply(40)], ':42\r\n'],
    ['least', [integerReply(7), integerReply(-1)], ':-1\r\n'],
    ['concat', [arrayReply([a, b]), arrayReply([]), arrayReply([a])], '*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n'],
    ['union', [arrayReply([a, b]), arrayReply([b, a])], '*2\r\n$1\r\na\r\n$1\r\nb\r\n'],
    ['any', [nullReply(2), nullReply(3), b, a], '$1\r\nb\r\n'],
    ['any', [nullReply(2), nullReply(2)], '$-1\r\n'],
    ['least-of-each', ['*2\r\n:1\r\n:0\r\n', '*2\r\n:1\r\n:1\r\n'], '*2\r\n:1\r\n:0\r\n'],
    ['sum-of-each', ['*2\r\n+c\r\n:1\r\n', '*2\r\n+c\r\n:2\r\n'], '*2\r\n+c\r\n:3\r\n'],
    ['sum-of-each', ['%1\r\n+c\r\n:1\r\n', '%1\r\n+c\r\n:2\r\n'], '%1\r\n+c\r\n:3\r\n'],
    ['one-succeeds', [errorReply('NOTBUSY no'), OK], '+OK\r\n'],
    ['one-succeeds', [errorReply('NOTBUSY no'), errorReply('NOTBUSY no')], '-NOTBUSY no\r\n'],
    ['sum', [integerReply(2), errorReply('ERR x')], '-ERR x\r\n'],
    ['sum', [integerReply(2), OK], '-ERR the shards gave answers that cannot be joined\r\n'],
  ] as const)('has one answer: %s %#', (merge, replies, answer) => {
    expect(
      String(
        mergeEverywhere(
          merge,
          replies.map((each) => Buffer.from(each)),
        ),
      ),
    ).toBe(answer);
  });
});

describe('SCAN of all shards', () => {
  /** The cursors that shards answer one after the other, and what a client then goes through. */
  function scan(cursors: readonly (readonly bigint[])[]): { seen: string[]; cursors: bigint[] } {
    const all = new ScanCursors();
    const seen: string[] = [];
    const given: bigint[] = [];
    let cursor = '0';
    do {
      const place = all.placeOf(cursor, cursors.length);
      if (place === null) throw new Error(`cursor ${cursor} is not known`);
      const { shard, inner } = place;
      seen.push(`${shard}:${inner}`);
      const own = cursors[shard] ?? [];
      const next = own[own.indexOf(inner) + 1] ?? 0n;
      const page = scanPage(arrayReply([bulkReply(String(next)), arrayReply([])]));
      given.push(all.cursorAfter(place, page?.inner ?? 0n, cursors.length));
      const [text] = wordsOf(scanAnswer(given.at(-1) ?? 0n, []));
      cursor = text ?? '';
    } while (cursor !== '0');
    return { seen, cursors: given };
  }

  it('goes through each shard once, and ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { maxLength: 4 }), {
          minLength: 1,
          maxLength: 9,
        }),
        (cursors) => {
          const found = scan(cursors);
          expect(found.seen).toEqual(cursors.flatMap((own, shard) => [0n, ...own].map((inner) => `${shard}:${inner}`)));
          for (const cursor of found.cursors) expect(cursor >= 0n && cursor < 2n ** 64n).toBe(true);
        },
      ),
    );
  });

  it('is continued by any router where there is room for the shard in the cursor', () => {
    const place = { shard: 5, inner: 2n ** 59n };
    const cursor = new ScanCursors().cursorAfter(place, place.inner, 6);
    expect(new ScanCursors().placeOf(String(cursor), 6)).toEqual(place);
    const narrow = new ScanCursors().cursorAfter(place, 2n ** 63n, 6);
    expect(new ScanCursors().placeOf(String(narrow), 6)).toBe(null);
  });

  it.each(['x', '-1', '', '1 ', '7', '99999999999999999999'])('has no place for the cursor %j', (cursor) => {
    expect(new ScanCursors().placeOf(cursor, 6)).toBe(null);
  });

  it("asks a shard with the shard's own cursor", () => {
    const scan = new ScanCommand(commandOf(['SCAN', '77', 'MATCH', 'a*']));
    expect(scan.requestAt(9n)).toEqual(encodeCommand(['SCAN', '9', 'MATCH', 'a*']));
  });

  it.each([
    ['SCAN 0', 10],
    ['SCAN 0 MATCH count TYPE string', 10],
    ['SCAN 0 MATCH a* count 25', 25],
    ['SCAN 0 COUNT x', 10],
  ])('%s asks for as many keys: %i', (line, count) => {
    expect(new ScanCommand(commandOf(line.split(' '))).count).toBe(count);
  });

  it('takes nothing else for a page', () => {
    for (const reply of [OK, arrayReply([]), arrayReply([bulkReply('x'), arrayReply([])])])
      expect(scanPage(reply)).toBe(null);
  });
});
