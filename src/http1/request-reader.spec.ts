import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeaderBlock, httpContext } from '../http/index.ts';
import { RequestHead } from './request-head.ts';
import { RequestReader, type RequestSink } from './request-reader.ts';

const context = httpContext(() => 0);

/** What a reader makes of text that comes in pieces of these sizes, each request being answered at once. */
function read(text: string, pieces: readonly number[] = [], limit = 4096): string[] {
  const events: string[] = [];
  const list = (block: HeaderBlock): string =>
    block
      .copy()
      .map(({ name, text: value }) => `${name.text}=${value}`)
      .join(' ');
  const sink: RequestSink = {
    onRequestHead: (head, block) => {
      events.push(list(block));
      if (head.contentLength === 0) reader.next();
    },
    onContent: (bytes, start, end, isLast) => {
      const last = events.at(-1) ?? '';
      const content = Buffer.from(bytes.subarray(start, end)).toString('latin1');
      if (last.startsWith('content:')) events[events.length - 1] = last + content;
      else events.push(`content:${content}`);
      if (isLast) {
        events.push('end');
        reader.next();
      }
    },
    onTrailerSection: (block) => {
      events.push(`trailers:${list(block)}`);
      reader.next();
    },
    onFault: ({ status, message }) => events.push(`${status} ${message}`),
  };
  const reader: RequestReader = new RequestReader(
    sink,
    new RequestHead(context.fields, 'http', () => 'own:80'),
    context.fields,
    context.block,
    limit,
  );
  const bytes = Buffer.from(text, 'latin1');
  let at = 0;
  for (const size of [...pieces, bytes.length]) {
    const end = Math.min(bytes.length, at + size);
    reader.receive(bytes, at, end);
    at = end;
  }
  return events;
}

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: h:1\r\nX-Shard-Key: k\r\n\r\n';
const GET_EVENTS = ':method=GET :scheme=http :path=/a?b=c :authority=h:1 x-shard-key=k';

describe('a request', () => {
  it('reads as HTTP/2 would have brought it', () => {
    expect(read(GET)).toEqual([GET_EVENTS]);
    expect(read('OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n')).toEqual([
      ':method=OPTIONS :scheme=http :path=* :authority=h',
    ]);
  });

  it('in absolute form has its authority from the target', () => {
    expect(read('GET http://x.example/p HTTP/1.1\r\nHost: other\r\n\r\n')).toEqual([
      ':method=GET :scheme=http :path=/p :authority=x.example',
    ]);
  });

  it('loses what concerns the connection alone, and what Connection names', () => {
    const text =
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nTE: trailers, gzip\r\nX-Stays: 2\r\n\r\n';
    expect(read(text)).toEqual([':method=GET :scheme=http :path=/ :authority=h te=trailers x-stays=2']);
  });

  it('may follow another, and stand behind an empty line', () => {
    expect(read(`${GET}\r\n${GET}${GET}`)).toEqual([GET_EVENTS, GET_EVENTS, GET_EVENTS]);
  });

  it('may not stand behind many empty lines', () => {
    expect(read(`\r\n\r\n${GET}`, [1, 1, 1])).toEqual([GET_EVENTS]);
    expect(read(`\r\n\r\n\r\n${GET}`, [1, 1, 1])).toEqual(['400 empty lines']);
  });

  it('has content by length, or in chunks with extensions and trailers', () => {
    const length = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello';
    const chunks =
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nhel\r\n2\r\nlo\r\n0\r\nGrpc-Status: 0\r\n\r\n';
    expect(read(length + GET)).toEqual([expect.stringContaining('POST'), 'content:hello', 'end', GET_EVENTS]);
    expect(read(chunks + GET)).toEqual([
      ':method=POST :scheme=http :path=/ :authority=h',
      'content:hello',
      'trailers:grpc-status=0',
      GET_EVENTS,
    ]);
  });

  it('reads the same whatever the pieces that it comes in', () => {
    const text = `${GET}POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nPUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc${GET}`;
    const whole = read(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 })), (pieces) => {
        expect(read(text, pieces)).toEqual(whole);
      }),
    );
  });

  it('never makes the reader throw, whatever its bytes', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'GET / HTTP/1.1\r\n',
        'Host: h\r\n',
        '\r\n',
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        '3\r\nabc\r\n',
        '0\r\n\r\n',
        ' ',
        ':',
        '\n',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 9 })), (parts, pieces) => {
        read(parts.join(''), pieces);
      }),
    );
  });
});

describe('what two recipients could read in two ways is refused', () => {
  const headers = (...lines: string[]): string => `POST / HTTP/1.1\r\nHost: h\r\n${lines.join('\r\n')}\r\n\r\n`;
  const chunked = (body: string): string => headers('Transfer-Encoding: chunked') + body;
  it.each([
    ['length and chunks', headers('Content-Length: 3', 'Transfer-Encoding: chunked'), 400],
    ['two lengths', headers('Content-Length: 3', 'Content-Length: 4'), 400],
    ['the same length twice', headers('Content-Length: 3', 'Content-Length: 3'), 400],
    ['a list of lengths', headers('Content-Length: 3, 3'), 400],
    ['a length with a sign', headers('Content-Length: +3'), 400],
    ['a length in hexadecimal', headers('Content-Length: 0x3'), 400],
    ['chunks twice', headers('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 400],
    ['another coding', headers('Transfer-Encoding: gzip, chunked'), 501],
    ['a disguised coding', headers('Transfer-Encoding: xchunked'), 501],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
    ['a space before the colon', headers('Content-Length : 3'), 400],
    ['a folded line', headers('X: a', ' b'), 400],
    ['a line without a colon', headers('nonsense'), 400],
    ['a NUL', headers('X: a\0b'), 400],
    ['a bare CR in a value', headers('X: a\rb'), 400],
    ['a bare LF', 'GET / HTTP/1.1\nHost: h\n\n', 400],
    ['a name with a control character', headers('X\x01: a'), 400],
    ['a pseudo-header field', headers(':path: /other'), 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', headers('Host: other'), 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: h/evil\r\n\r\n', 400],
    ['a Host with a user', 'GET / HTTP/1.1\r\nHost: a@h\r\n\r\n', 400],
    ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a target with a fragment', 'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a target that is no path', 'GET a HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a method that is none', 'G@T / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['another version', 'GET / HTTP/1.2\r\nHost: h\r\n\r\n', 505],
    ['no version', 'GET /\r\nHost: h\r\n\r\n', 400],
    ['CONNECT', 'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n', 501],
    ['another expectation', headers('Expect: tea'), 417],
    ['a chunk size that is none', chunked('x\r\n'), 400],
    ['a chunk size with a sign', chunked('+3\r\nabc\r\n0\r\n\r\n'), 400],
    ['a chunk size beyond all bounds', chunked('fffffffffffffff\r\n'), 400],
    ['a chunk that is longer than it says', chunked('3\r\nabcd\r\n0\r\n\r\n'), 400],
    ['a chunk line that ends in LF', chunked('3\nabc\r\n0\r\n\r\n'), 400],
    ['a chunk extension without end', chunked(`3;${'x'.repeat(5000)}`), 400],
    ['a length in the trailers', chunked('0\r\nContent-Length: 3\r\n\r\n'), 400],
    ['headers beyond the limit', headers(`X: ${'x'.repeat(5000)}`), 431],
    ['more short headers than the limit has room for', headers('a: 1\r\n'.repeat(200).trimEnd()), 431],
    ['headers beyond the limit, without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(5000)}`, 431],
  ])('%s', (_what, text, status) => {
    const events = read(text);
    expect(events.at(-1)).toMatch(new RegExp(`^${status} `));
    // Nothing that follows is taken for a request.
    expect(read(text + GET)).toEqual(events);
  });
});
