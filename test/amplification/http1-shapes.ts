import type { Dice, Shape } from './shape.ts';
import { cut, SHAPE_BYTES, upTo } from './wire.ts';

const OK = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');

const PATHS = { http2: '/', http1: '/http1', nobody: '/' } as const;
type Aim = keyof typeof PATHS;

function head(aim: Aim, method: string, lines = ''): string {
  const key = aim === 'nobody' ? '' : 'x-shard-key: key\r\n';
  return `${method} ${PATHS[aim]} HTTP/1.1\r\nHost: h\r\n${key}${lines}\r\n`;
}

/** Requests sent ahead: refused at once, or one after the other. */
export function sentAhead(dice: Dice): Shape {
  const aim = dice.oneOf<Aim>('nobody', 'nobody', 'http1', 'http2');
  const lines = Array.from({ length: dice.size(40) }, (_, i) => `x-${i}: ${'v'.repeat(dice.size(300))}\r\n`).join('');
  const bytes = upTo(SHAPE_BYTES, () => Buffer.from(head(aim, 'GET', lines)));
  const reads = dice.between(0, 1) === 1;
  return {
    kind: 'HTTP/1.1 requests sent ahead',
    detail: `for ${aim}, heads of ${head(aim, 'GET', lines).length} bytes, answers ${reads ? '' : 'not '}read`,
    clients: [{ pieces: cut(bytes, dice.oneOf(65_536, 500)), reads, streams: 1 }],
    answer: null,
    http1Answer: aim === 'http1' ? OK : null,
  };
}

/** Content in chunks, or by length, that its shard does not take. */
export function http1Content(dice: Dice): Shape {
  const aim = dice.oneOf<Aim>('http1', 'http2');
  const size = dice.oneOf(1, 1, dice.between(1, 5000));
  const isChunked = dice.between(0, 2) > 0;
  const extension = dice.oneOf('', '', ';a=b');
  const chunk = Buffer.from(`${size.toString(16)}${extension}\r\n${'x'.repeat(size)}\r\n`);
  const count = extension === '' ? SHAPE_BYTES : 4000;
  const bytes = isChunked ? upTo(count, () => chunk) : Buffer.alloc(SHAPE_BYTES, 'x');
  const lines = isChunked ? 'transfer-encoding: chunked\r\n' : `content-length: ${SHAPE_BYTES}\r\n`;
  return {
    kind: 'HTTP/1.1 content that waits for its shard',
    detail: `${isChunked ? `chunks of ${size}${extension}` : 'by length'} to ${aim}`,
    clients: [
      {
        pieces: [Buffer.from(head(aim, 'POST', lines)), ...cut(bytes, dice.oneOf(65_536, 700))],
        reads: true,
        streams: 1,
      },
    ],
    answer: null,
    http1Answer: null,
  };
}

/** Heads and trailers without an end, cut small. */
export function http1Unfinished(dice: Dice): Shape {
  const name = dice.size(2000);
  const lines = upTo(dice.size(60_000), (i) => Buffer.from(`x-${i}${'n'.repeat(name)}: ${i}\r\n`)).toString();
  const whole = dice.oneOf(
    head('http2', 'GET', lines),
    `${head('http2', 'POST', 'transfer-encoding: chunked\r\n')}0\r\n${lines}\r\n`,
    head('http2', 'GET', `connection: ${'a,'.repeat(name)}b\r\n${lines}`),
  );
  const bytes = Buffer.from(whole).subarray(0, -dice.between(0, 3) || undefined);
  const count = dice.between(1, 5);
  return {
    kind: 'HTTP/1.1 heads and trailers',
    detail: `${count} of ${bytes.length} bytes, names of ${name}`,
    clients: new Array(count).fill({ pieces: cut(bytes, dice.oneOf(300, 65_536)), reads: true, streams: 1 }),
    answer: null,
    http1Answer: null,
  };
}
