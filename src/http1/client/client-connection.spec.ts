import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ErrorCode, field, HeaderBlock, httpContext, ResetCause, type StreamHandler } from '../../http/index.ts';
import { acceptOf } from '../websocket.ts';
import { Http1ClientConnection } from './client-connection.ts';

const context = httpContext(() => performance.now());
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let server: Server;
/** What the peer was sent on its connection, and what it answers to each head. */
let seen: string;
let answers: Array<string | ((head: string, socket: Socket) => void)>;
let accepted: Socket[];

beforeEach(async () => {
  seen = '';
  answers = [];
  accepted = [];
  server = createServer((socket) => {
    accepted.push(socket);
    let unread = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      seen += data.toString('latin1');
      unread += data.toString('latin1');
      for (let at = unread.indexOf('\r\n\r\n'); at >= 0; at = unread.indexOf('\r\n\r\n')) {
        const head = unread.slice(0, at);
        unread = unread.slice(at + 4);
        const answer = answers.shift();
        if (typeof answer === 'string') socket.write(answer, 'latin1');
        else answer?.(head, socket);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of accepted) socket.destroy();
  server.close();
});

/** A connection, what it told its owner, and its next event. */
async function open(): Promise<{ connection: Http1ClientConnection; events: string[]; closed: Promise<void> }> {
  const events: string[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
  const connection = new Http1ClientConnection(socket, 'connect', context, {
    onConnected: () => events.push('connected'),
    onIdle: () => events.push('idle'),
    onClosed: () => {
      events.push('closed');
      resolve();
    },
  });
  socket.on('data', (bytes: Buffer) => connection.receive(bytes, 0, bytes.length));
  await once(socket, 'connect');
  return { connection, events, closed };
}

function blockOf(fields: ReadonlyArray<readonly [string, string]>): HeaderBlock {
  const block = new HeaderBlock();
  block.set(fields.map(([name, value]) => field(name, value)));
  return block;
}

const GET = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'h'],
] as const;

/** What came of a request, in words: heads, content, and the end. */
function ask(
  connection: Http1ClientConnection,
  fields: ReadonlyArray<readonly [string, string]> = GET,
  content: readonly string[] = [],
): Promise<string[]> {
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const came: string[] = [];
  const text = (block: HeaderBlock): string =>
    block
      .copy()
      .map(({ name, text: value }) => `${name.text}=${value}`)
      .join(' ');
  const handler: StreamHandler = {
    onHeaders: (_stream, _head, block, endStream) => {
      came.push(text(block));
      if (endStream) resolve([...came, 'end']);
    },
    onTrailers: (_stream, _head, block) => resolve([...came, `trailers ${text(block)}`]),
    onData: (_stream, bytes, start, end, endStream) => {
      if (end > start) came.push(`"${Buffer.from(bytes.subarray(start, end)).toString('latin1')}"`);
      if (endStream) resolve([...came, 'end']);
    },
    onReset: (_stream, code, cause) => {
      const causes = Object.entries(ResetCause).find(([, value]) => value === cause);
      const codes = Object.entries(ErrorCode).find(([, value]) => value === code);
      resolve([...came, `${causes?.[0]} ${codes?.[0]}: ${connection.endedBecause}`]);
    },
    onCredit: () => {},
  };
  const stream = connection.request(blockOf(fields), content.length === 0, handler);
  content.forEach((each, i) => {
    const bytes = Buffer.from(each, 'latin1');
    connection.sendData(stream, bytes, 0, bytes.length, i === content.length - 1);
  });
  return promise;
}

async function answerTo(answer: string, fields = GET as ReadonlyArray<readonly [string, string]>): Promise<string[]> {
  const { connection } = await open();
  answers = [answer];
  return ask(connection, fields);
}

describe('an answer', () => {
  it.each([
    ['with a length', OK, [':status=200 content-length=2', '"ok"', 'end']],
    ['without content', 'HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n', [':status=204', 'end']],
    ['with a length for nobody', 'HTTP/1.1 304 \r\nContent-Length: 9\r\n\r\n', [':status=304 content-length=9', 'end']],
    ['without a reason', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', [':status=200 content-length=0', 'end']],
    [
      'in chunks, with trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2;a=b\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
      [':status=200', '"ok"', 'trailers x-t=1'],
    ],
    [
      'behind a 100 that nobody asked for, and hints that go on',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}`,
      [':status=103 link=a', ':status=200 content-length=2', '"ok"', 'end'],
    ],
    [
      'with space around colons and behind values',
      'HTTP/1.1 200 OK\r\nX-A : a \t\r\nContent-Length: 2\r\n\r\nok',
      [':status=200 x-a=a content-length=2', '"ok"', 'end'],
    ],
    [
      'with one length said twice',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nok',
      [':status=200 content-length=2', '"ok"', 'end'],
    ],
    [
      'without what concerns the connection, whichever line names it',
      'HTTP/1.1 200 OK\r\nConnection: x-a\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\nX-A: 1\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n',
      [':status=200 x-b=2 content-length=0', 'end'],
    ],
  ])('%s', async (_what, answer, expected) => {
    expect(await answerTo(answer)).toEqual(expected);
  });

  it('reads the same however its bytes are split', async () => {
    const whole = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n';
    const { connection } = await open();
    for (let size = 1; size < 9; size++) {
      answers = [() => {}];
      const answer = ask(connection);
      const bytes = Buffer.from(whole, 'latin1');
      for (let at = 0; at < bytes.length; at += size) connection.receive(bytes, at, Math.min(bytes.length, at + size));
      expect((await answer).join('').replaceAll('""', '')).toBe(':status=200"ok"trailers x-t=1');
    }
  });

  it('to HEAD has no content, whatever its length says', async () => {
    const head = [[':method', 'HEAD'], ...GET.slice(1)] as const;
    expect(await answerTo('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', head)).toEqual([
      ':status=200 content-length=5',
      'end',
    ]);
  });

  it('without a length ends with the connection', async () => {
    const { connection, closed } = await open();
    answers = [(_head, socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it')];
    expect((await ask(connection)).join(' ')).toBe(':status=200 "all of it" end');
    await closed;
  });

  it('that is cut off is lost with its connection, not malformed', async () => {
    const { connection } = await open();
    answers = [(_head, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok')];
    expect((await ask(connection)).at(-1)).toBe('ConnectionLost InternalError: closed by the peer');
  });
});

describe("the shard's fault, told from a lost connection, is", () => {
  it.each([
    ['two lengths that differ', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a length that is not a number', 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok'],
    [
      'length and chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['a coding that nobody asked for', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['NUL in a value', 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok'],
    ['a line without a colon', 'HTTP/1.1 200 OK\r\nX-A\r\n\r\n'],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['the settings of HTTP/2', '\0\0\0\x04\0\0\0\0\0'],
    ['a head that is too long', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`],
    ['another protocol that was not asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
    ['a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['a length in the trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n'],
  ])('%s', async (_what, answer) => {
    expect((await answerTo(answer)).at(-1)).toMatch(/^Violation ProtocolError: ./);
  });
});

describe('a connection', () => {
  it('carries one request after the other', async () => {
    const { connection, events } = await open();
    for (let i = 0; i < 3; i++) {
      answers = [OK];
      expect(await ask(connection)).toContain('"ok"');
      expect(events.at(-1)).toBe('idle');
    }
    expect(accepted.length).toBe(1);
  });

  it.each([
    ['says so', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
    ['sends more than its answer, which must never be the next one', `${OK}${OK}`],
  ])('is not used again where the peer %s', async (_what, answer) => {
    const { connection, closed, events } = await open();
    answers = [answer];
    expect((await ask(connection)).join(' ')).toBe(':status=200 content-length=2 "ok" end');
    await closed;
    expect(events).not.toContain('idle');
  });

  it('is not used again where the answer came before the end of the request', async () => {
    const { connection, closed, events } = await open();
    answers = [OK];
    const post = [[':method', 'POST'], ...GET.slice(1)] as const;
    const came: string[] = [];
    const handler = { onHeaders() {}, onTrailers() {}, onReset: () => came.push('reset'), onCredit() {}, onData() {} };
    connection.request(blockOf(post), false, handler);
    await closed;
    expect([came, events]).toEqual([[], ['connected', 'closed']]);
  });

  it('ends when the peer speaks unasked, or when it has been idle for as long as the peer keeps it', async () => {
    const { connection, closed } = await open();
    answers = [`HTTP/1.1 200 OK\r\nKeep-Alive: timeout=20\r\nContent-Length: 0\r\n\r\n`];
    await ask(connection);
    const now = context.turn.nowMs;
    connection.sweep(now + 18_000);
    expect(connection.endedBecause).toBe('');
    accepted[0]?.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
    await closed;
    const other = await open();
    other.connection.sweep(context.turn.nowMs + 5000);
    await other.closed;
    expect(other.connection.endedBecause).toBe('idle');
  });
});

describe('a request', () => {
  it('is written as HTTP/1.1 has it: one cookie, a Host, no more than its connection may carry', async () => {
    const { connection } = await open();
    answers = [OK];
    const fields = [
      [':method', 'OPTIONS'],
      [':scheme', 'http'],
      [':path', '*'],
      [':authority', 'a.example'],
      ['cookie', 'a=1'],
      ['content-length', '2'],
      ['te', 'trailers'],
      ['cookie', 'b=2'],
      ['x-a', '1'],
    ] as const;
    await ask(connection, fields, ['h', 'i']);
    expect(seen).toBe(
      'OPTIONS * HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\nx-a: 1\r\ncookie: a=1; b=2\r\n\r\nhi',
    );
  });

  it('goes in chunks if its length is not known, says when it has no content, and always has a Host', async () => {
    const post = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/'],
    ] as const;
    const { connection } = await open();
    answers = [OK, OK];
    await ask(connection, post, ['one', '', 'two']);
    expect(seen).toBe(
      'POST / HTTP/1.1\r\nhost: \r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n',
    );
    const other = await open();
    answers = [OK];
    seen = '';
    await ask(other.connection, post);
    expect(seen).toBe('POST / HTTP/1.1\r\nhost: \r\ncontent-length: 0\r\n\r\n');
  });
});

describe('a WebSocket', () => {
  const CONNECT = [[':method', 'CONNECT'], [':protocol', 'websocket'], ...GET.slice(1)] as const;
  const keyOf = (head: string): string => /sec-websocket-key: (\S+)/.exec(head)?.[1] ?? '';

  it('begins with what its client sent before the peer took it', async () => {
    const { connection, closed } = await open();
    answers = [
      (head, socket) => {
        const accept = acceptOf(keyOf(head));
        socket.write(`HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nX-A: 1\r\n\r\nhello`);
        socket.once('data', (data) => socket.end(data));
      },
    ];
    expect((await ask(connection, CONNECT, ['early'])).join(' ')).toBe(':status=200 x-a=1 "hello" "early" end');
    expect(connection.tunnels).toBe(true);
    expect(seen).toMatch(/^GET \/a HTTP\/1\.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n/);
    await closed;
  });

  it('that is not accepted is a GET: its answer comes whole, and the connection stays in use', async () => {
    const { connection, events } = await open();
    answers = [OK];
    expect(await ask(connection, CONNECT)).toEqual([':status=200 content-length=2', '"ok"', 'end']);
    expect([connection.tunnels, events.at(-1)]).toEqual([false, 'idle']);
  });

  it('whose key is answered wrongly is a violation', async () => {
    const answer = 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n';
    expect((await answerTo(answer, CONNECT)).at(-1)).toMatch(/^Violation/);
  });
});

it.each([
  ['a window of content is', 262_144],
  ['more is', 300_000],
])('may send more of a request once %s taken at once, after which the socket does not drain', async (_, bytes) => {
  const { connection } = await open();
  const credited = Promise.withResolvers<void>();
  const handler = { onHeaders() {}, onTrailers() {}, onReset() {}, onData() {}, onCredit: () => credited.resolve() };
  const post = blockOf([[':method', 'POST'], ...GET.slice(1)]);
  const stream = connection.request(post, false, handler);
  connection.sendData(stream, Buffer.alloc(bytes), 0, bytes, false);
  // Where the kernel takes it in parts, it drains.
  if (stream.sendWindow <= 0) await credited.promise;
  expect(stream.sendWindow).toBeGreaterThan(0);
});
