import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import RedisParser from 'redis-parser';
import { describe, expect, it } from 'vitest';
import type { Command } from './command.ts';
import { CommandScanner } from './command-scanner.ts';
import { type LargeCommandFate, REDIS_LIMITS, type RequestLimits, RequestReader } from './request-reader.ts';
import { encodeCommand } from './write.ts';

interface Given {
  readonly pieces?: readonly number[];
  readonly limits?: Partial<RequestLimits>;
  readonly isAuthenticated?: boolean;
  readonly fate?: LargeCommandFate;
  /** After how many commands it pauses, until what it has is over. */
  readonly pauseAfter?: number;
}

/** What a reader reports of bytes that come in pieces of these sizes; each piece stands in a buffer that is overwritten afterwards. */
function read(sent: string | Buffer, { pieces = [], limits = {}, fate = 'collect', ...given }: Given = {}): string[] {
  const bytes = typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent;
  const events: string[] = [];
  const list = (command: Command): string => {
    const words = Array.from({ length: command.count }, (_, i) => command.copy(i).toString('latin1'));
    expect(command.raw().equals(encodeCommand(words.map((word) => Buffer.from(word, 'latin1'))))).toBe(true);
    return words.join(' ');
  };
  let commands = 0;
  const reader = new RequestReader(
    {
      onCommand: (command) => {
        events.push(list(command));
        if (++commands % (given.pauseAfter ?? Number.POSITIVE_INFINITY) === 0) reader.pause();
      },
      onLargeCommand: (command) => {
        const sofar = command.bytes.subarray(command.start, command.end);
        events.push(`${fate} ${command.count}/${command.total}`);
        if (fate === 'stream') events.push(`content ${Buffer.from(sofar).toString('latin1')}`);
        return fate;
      },
      onContent: (content, start, end, isLast) => {
        const text = Buffer.from(content.subarray(start, end)).toString('latin1');
        events[events.length - 1] += text;
        if (isLast) events.push('end');
      },
      onTooLarge: () => events.push('too large'),
      onFault: ({ message }) => events.push(message),
    },
    { ...REDIS_LIMITS, ...limits },
  );
  reader.unauthenticated = given.isAuthenticated === false;
  let at = 0;
  for (const size of [...pieces, bytes.length]) {
    const end = Math.min(bytes.length, at + size);
    const shared = Buffer.alloc(end - at + 7, '*');
    bytes.copy(shared, 3, at, end);
    reader.receive(shared, 3, 3 + end - at);
    shared.fill('!');
    at = end;
  }
  while (reader.isPaused) reader.resume();
  return events;
}

const anyPieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 400 })));
const anyWord = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.integer({ min: 90, max: 600 }).map((length) => new Uint8Array(length).fill(120)),
  fc.constantFrom('$1\r\n', '*1\r\n', '\r\n', 'get', '').map((text) => Uint8Array.from(Buffer.from(text))),
);
const anyCommand = fc.array(anyWord, { minLength: 1, maxLength: 20 });
const anyCommands = fc.array(anyCommand, { maxLength: 12 });

const wireOf = (commands: readonly Uint8Array[][]): Buffer =>
  Buffer.concat(commands.map((each) => encodeCommand(each)));
const textOf = (command: readonly Uint8Array[]): string =>
  command.map((word) => Buffer.from(word).toString('latin1')).join(' ');

describe('commands', () => {
  it('are the same in whatever pieces they come, also where the sink pauses', () => {
    fc.assert(
      fc.property(anyCommands, anyPieces, fc.integer({ min: 1, max: 4 }), (commands, pieces, pauseAfter) => {
        const wire = wireOf(commands);
        const expected = commands.map(textOf);
        expect(read(wire)).toEqual(expected);
        expect(read(wire, { pieces })).toEqual(expected);
        expect(read(wire, { pieces, pauseAfter })).toEqual(expected);
      }),
    );
  });

  it('are those that another decoder reads', () => {
    fc.assert(
      fc.property(anyCommands, (commands) => {
        const wire = wireOf(commands);
        const theirs: string[] = [];
        const oracle = new RedisParser({
          returnBuffers: true,
          returnReply: (reply: Buffer[]) => theirs.push(reply.map((word) => word.toString('latin1')).join(' ')),
          returnError: (error: Error) => theirs.push(error.message),
        });
        oracle.execute(wire);
        expect(read(wire)).toEqual(theirs);
      }),
    );
  });

  it('of nothing, and empty lines, are passed over', () => {
    expect(read('*0\r\n\r\n*-1\r\n\n*1\r\n$4\r\nPING\r\n')).toEqual(['PING']);
  });

  it('of whatever bytes are the same, or the same fault, in whatever pieces they come', () => {
    const marks = fc.constantFrom('*', '$', '\r\n', '-', '0', '1', '3', '12', '"', "'", '\\x4', ' ', '\r', '\n', 'GET');
    const hostile = fc
      .tuple(anyCommands, fc.array(fc.tuple(fc.nat(), marks), { maxLength: 4 }))
      .map(([commands, spoilt]) => {
        let wire = wireOf(commands).toString('latin1');
        for (const [place, mark] of spoilt) {
          const at = place % (wire.length + 1);
          wire = wire.slice(0, at) + mark + wire.slice(at + (place % 3));
        }
        return wire;
      });
    fc.assert(
      fc.property(hostile, anyPieces, (wire, pieces) => {
        expect(read(wire, { pieces })).toEqual(read(wire));
      }),
      { numRuns: 300 },
    );
  });
});

describe('inline commands', () => {
  it.each([
    ['PING\r\n', ['PING']],
    ['  SET  key\tvalue \n', ['SET key value']],
    ['SET "a b" \'c d\'\r\n', ['SET a b c d']],
    ["SET \"\\x41\\n\\t\\q\" '\\n\\''\r\n", ["SET A\n\tq \\n'"]],
    ['SET "" x\r\n', ['SET  x']],
    ['GET a\0b\r\n', ['GET a']],
    ['SET "a\r\n', ['ERR Protocol error: unbalanced quotes in request']],
    ['SET "a"b\r\n', ['ERR Protocol error: unbalanced quotes in request']],
    ["SET 'a\\'\r\n", ['ERR Protocol error: unbalanced quotes in request']],
  ])('are split as Redis does: %j', (line, events) => {
    expect(read(line)).toEqual(events);
    expect(read(line, { pieces: Array.from(line, () => 1) })).toEqual(events);
  });

  it('stand between others, and are passed on as arrays', () => {
    expect(read('*1\r\n$4\r\nPING\r\nGET a\r\n*1\r\n$4\r\nQUIT\r\n')).toEqual(['PING', 'GET a', 'QUIT']);
  });
});

it('looks at no more of what has come for an inline command than its line', () => {
  const lines = Buffer.from('PING\r\n'.repeat(20_000));
  const bytes = Buffer.concat([lines, Buffer.alloc(64 * 2 ** 20, 'x')]);
  let commands = 0;
  const scanner = new CommandScanner(REDIS_LIMITS);
  for (let at = 0; at < lines.length; commands++) at = scanner.scan(bytes, at, bytes.length);
  expect(commands).toBe(20_000);
});

describe("faults in Redis's own words", () => {
  it.each([
    ['*20000000\r\n', 'invalid multibulk length'],
    ['*1x\r\n', 'invalid multibulk length'],
    ['*01\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*99999999999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\n+OK\r\n', "expected '$', got '+'"],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$?\r\n', 'invalid bulk length'],
    ['*1\r\n$536870913\r\n', 'invalid bulk length'],
    ['*1\r\n$2\r\nabc\r\n', 'invalid bulk length'],
    ['*1\rX$1\r\na\r\n', 'invalid multibulk length'],
    [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
    ['a'.repeat(70_000), 'too big inline request'],
  ])('%#: %.20s', (wire, fault) => {
    expect(read(wire)).toEqual([`ERR Protocol error: ${fault}`]);
    expect(read(wire, { pieces: Array.from({ length: 40 }, () => 1) })).toEqual([`ERR Protocol error: ${fault}`]);
  });

  it.each([
    ['*11\r\n', 'unauthenticated multibulk length'],
    ['*1\r\n$16385\r\n', 'unauthenticated bulk length'],
  ])('for a client that has not authenticated: %j', (wire, fault) => {
    expect(read(wire, { isAuthenticated: false })).toEqual([`ERR Protocol error: ${fault}`]);
    expect(read(wire)).toEqual([]);
  });

  it('takes nothing behind a fault', () => {
    expect(read('*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n')).toEqual([
      'PING',
      'ERR Protocol error: invalid multibulk length',
    ]);
  });
});

describe('a large command', () => {
  const large = encodeCommand(['SET', 'key', 'x'.repeat(1000), 'EX', '10']).toString('latin1');
  const ping = '*1\r\n$4\r\nPING\r\n';
  const limits = { wholeBytes: 200 };
  const pieces = [3, 1, 60, 250, 300, 1];

  it('is handed over as it comes, and what follows it is read again', () => {
    const events = read(ping + large + ping, { pieces: [...pieces], limits, fate: 'stream' });
    expect(events).toEqual(['PING', 'stream 2/5', `content ${large}`, 'end', 'PING']);
  });

  it('is kept until it is whole', () => {
    const words = `SET key ${'x'.repeat(1000)} EX 10`;
    expect(read(large + ping, { pieces, limits, fate: 'collect' })).toEqual(['collect 2/5', words, 'PING']);
  });

  it('that is too large to be kept ends the reader', () => {
    const tight = { ...limits, maxCollectedBytes: 900 };
    expect(read(large + ping, { pieces, limits: tight })).toEqual(['collect 2/5', 'too large']);
  });

  it('is the same in whatever pieces it comes, with whatever goes wrong in it', () => {
    const spoilt = fc.tuple(fc.nat({ max: large.length }), fc.constantFrom('', '$', '\r', '\n', '9'));
    fc.assert(
      fc.property(spoilt, anyPieces, ([at, mark], sizes) => {
        const wire = large.slice(0, at) + mark + large.slice(at + 1) + ping;
        const given = { limits: { wholeBytes: 20 }, fate: 'stream' } as const;
        const whole = read(wire, { ...given, pieces: [22] });
        const inPieces = read(wire, { ...given, pieces: [22, ...sizes] });
        expect(outcome(inPieces)).toEqual(outcome(whole));
      }),
    );
  });
});

/** How much of a command was passed on before a fault depends on the pieces. */
function outcome(events: readonly string[]): string[] {
  return events.map((each) => (each.startsWith('content') && !events.includes('end') ? 'content' : each));
}

it('keeps no more for an argument than has come, whatever length the client announces', () => {
  const reader = new RequestReader(
    {
      onCommand: () => {},
      onLargeCommand: () => 'collect',
      onContent: () => {},
      onTooLarge: () => {},
      onFault: () => {},
    },
    REDIS_LIMITS,
  );
  const before = process.memoryUsage().arrayBuffers;
  const wire = Buffer.from(`*1000000\r\n$500000000\r\n${'x'.repeat(1000)}`);
  reader.receive(wire, 0, wire.length);
  expect(reader.isMidCommand).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
});
