/**
 * `npm run bench:resp`: what it costs to read commands and replies of Redis, and to find a command's rule and key. Bytes come as
 * sockets bring them, 64 KB at a time; a decoder that builds values is beside it.
 */
import RedisParser from 'redis-parser';
import { findCommand, KeyPlaces, keysOf } from '../src/proxy/redis/commands/index.ts';
import { bulkReply, encodeCommand, OK, REDIS_LIMITS, ReplyReader, RequestReader } from '../src/resp/index.ts';

const READ_BYTES = 65536;
const MESSAGES = 1_000_000;
const ROUNDS = 3;

const key = 'project-17/document-12345';
const messages: ReadonlyArray<readonly [name: string, wire: Buffer, isReply: boolean]> = [
  ['GET', encodeCommand(['GET', key]), false],
  ['SET 100 B', encodeCommand(['SET', key, 'x'.repeat(100)]), false],
  ['MGET of 10', encodeCommand(['MGET', ...Array.from({ length: 10 }, (_, i) => `${key}-${i}`)]), false],
  ['SET 16 KB', encodeCommand(['SET', key, 'x'.repeat(16384)]), false],
  ['+OK', OK, true],
  ['value of 100 B', bulkReply('x'.repeat(100)), true],
  ['value of 16 KB', bulkReply('x'.repeat(16384)), true],
];

let read = 0;
const places = new KeyPlaces();

function requestReader(): (bytes: Uint8Array, start: number, end: number) => void {
  const reader = new RequestReader(
    {
      onCommand: (command) => {
        const info = findCommand(command);
        if (info === null) throw new Error('not a command');
        if (info.keyAt > 0) read += command.starts[info.keyAt] as number;
        else keysOf(info, command, places);
        read++;
      },
      onLargeCommand: () => 'collect',
      onContent: () => {},
      onTooLarge: () => {},
      onFault: ({ message }) => {
        throw new Error(message);
      },
    },
    REDIS_LIMITS,
  );
  return (bytes, start, end) => reader.receive(bytes, start, end);
}

function replyReader(): (bytes: Uint8Array, start: number, end: number) => void {
  const reader = new ReplyReader({
    onReply: () => {
      read++;
    },
    onReplyPart: () => {},
    onFault: ({ message }) => {
      throw new Error(message);
    },
  });
  return (bytes, start, end) => reader.receive(bytes, start, end);
}

function otherDecoder(): (bytes: Uint8Array, start: number, end: number) => void {
  const parser = new RedisParser({
    returnBuffers: true,
    returnReply: () => {
      read++;
    },
    returnError: () => {},
  });
  // It keeps what it is given.
  return (bytes, start, end) => parser.execute(Buffer.from(bytes.subarray(start, end)));
}

/** Nanoseconds of CPU a message, the best of some rounds: other programs of the machine do not count. */
function cost(wire: Buffer, makeReader: typeof requestReader): number {
  const count = Math.ceil(Math.min(MESSAGES, 4e8 / wire.length));
  const perRead = Math.max(1, Math.floor(READ_BYTES / wire.length));
  const sent = Buffer.concat(Array.from({ length: perRead * 2 }, () => wire));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const receive = makeReader();
    const started = process.cpuUsage();
    let at = 0;
    for (let left = count * wire.length; left > 0; ) {
      const end = Math.min(sent.length, at + READ_BYTES);
      receive(sent, at, end);
      left -= end - at;
      at = end === sent.length ? 0 : end;
    }
    const { user, system } = process.cpuUsage(started);
    best = Math.min(best, ((user + system) / count) * 1000);
  }
  return best;
}

console.log('| message | bytes | ns a message | ns with redis-parser |\n| --- | --- | --- | --- |');
for (const [name, wire, isReply] of messages) {
  const ours = cost(wire, isReply ? replyReader : requestReader);
  console.log(`| ${name} | ${wire.length} | ${ours.toFixed(0)} | ${cost(wire, otherDecoder).toFixed(0)} |`);
}
if (read < 0) throw new Error('nothing was read');
