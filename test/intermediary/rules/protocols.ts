import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { FROM_H2, TO_H2 } from '../hop.ts';
import type { Answer, Got } from '../message.ts';
import type { Rule } from '../rule.ts';

const GRPC = [
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;
const ANSWERED = [['content-type', 'application/grpc']] as const;
const MESSAGE = '\0\0\0\0\x01A';
const WEB_FIELDS = (type: string): ReadonlyArray<readonly [string, string]> => [['content-type', type]];

/** The shard's side of a WebSocket. */
function switched(request: Got): Answer {
  if (request.method === 'CONNECT') return { early: true, end: 'never', fields: [['content-length', '5']] };
  const key = request.value('sec-websocket-key') ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return {
    early: true,
    raw: `HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  };
}

export const protocols: readonly Rule[] = [
  {
    id: 'extended-connect-early-content',
    ways: FROM_H2,
    async holds(hop) {
      hop.answers(switched);
      const client = await hop.connect();
      const fields = [
        ['sec-websocket-version', '13'],
        ['content-length', '3'],
      ] as const;
      client.send(
        { method: 'CONNECT', protocol: 'websocket', fields, content: 'EARLY-', end: 'never' },
        hop.targetOf({}),
      );
      await client.until(({ answers: [got] }) => got?.status === 200);
      client.sendOn('LATER');
      const heard = (): string =>
        hop.to === 'h2' ? (hop.shard.requests[0]?.content ?? '') : (hop.shard.heard.at(-1) ?? '');
      await hop.shard.signal.until(() => heard().endsWith('EARLY-LATER'));
      // A length has no meaning there (RFC 9110, 9.3.6).
      expect(client.answers[0]?.value('content-length')).toBeNull();
      expect(hop.shard.requests[0]?.value('content-length')).toBeNull();
    },
  },
  {
    id: 'grpc-message-with-outer-blanks',
    ways: TO_H2,
    async holds(hop) {
      const request = { method: 'POST', fields: GRPC, content: MESSAGE };
      const status = [
        ['grpc-status', '9'],
        ['grpc-message', 'locked by: '],
        ['x-meta', ' a '],
      ] as const;
      const only = await hop.exchange(request, { fields: [...ANSWERED, ...status] });
      expect([only.got.value('grpc-status'), only.got.value('grpc-message'), only.got.value('x-meta')]).toEqual([
        '9',
        'locked by:%20',
        'a',
      ]);
      const { got } = await hop.exchange(request, { fields: ANSWERED, content: MESSAGE, trailers: status });
      expect([got.trailer('grpc-status'), got.trailer('grpc-message'), got.trailer('x-meta')]).toEqual([
        '9',
        'locked by:%20',
        'a',
      ]);
    },
  },
  {
    id: 'grpc-web-of-what-is-no-grpc',
    ways: TO_H2,
    async holds(hop) {
      for (const type of ['application/grpc-web+proto', 'application/grpc-web-text']) {
        const content = type.endsWith('text') ? Buffer.from(MESSAGE, 'latin1').toString('base64') : MESSAGE;
        const request = { method: 'POST', path: '/web.S/M', fields: WEB_FIELDS(type), content };
        for (const status of [302, 404, 503]) {
          const { got } = await hop.exchange(request, {
            status,
            fields: [
              ['content-type', 'text/html'],
              ['content-length', '4'],
            ],
            content: '<h1>',
          });
          expect(got).toMatchObject({ status, content: '<h1>', end: 'complete' });
          expect(got.value('content-type')).toBe('text/html');
        }
        const { got, seen } = await hop.exchange(request, {
          fields: ANSWERED,
          content: MESSAGE,
          trailers: [['grpc-status', '0']],
        });
        expect(seen.content).toBe(MESSAGE);
        expect(got.value('content-type')).toMatch(/^application\/grpc-web/);
        expect(got).toMatchObject({ trailers: [], end: 'complete' });
      }
    },
  },
  {
    id: 'grpc-web-text-that-is-no-base64',
    ways: TO_H2,
    async holds(hop) {
      for (const content of ['AAAA!!!!', 'AAAAA', 'AA=A', '====', 'AAAA-___']) {
        const { got } = await hop.ask(
          { method: 'POST', path: '/web.S/M', fields: WEB_FIELDS('application/grpc-web-text'), content },
          {},
        );
        expect([content, got?.status]).toEqual([content, 400]);
        expect(hop.shard.requests.filter(({ end }) => end === 'complete')).toEqual([]);
      }
    },
  },
];
