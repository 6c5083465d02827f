import { expect } from 'vitest';
import { FROM_H1, FROM_H2, type Hop, TO_H1, TO_H2, WAYS } from '../hop.ts';
import type { Fields } from '../message.ts';
import type { Rule } from '../rule.ts';

const malformed = ({ from }: Hop): number | string => (from === 'h1' ? 400 : 'reset');
const OWN_CONNECTION = ['keep-alive', 'proxy-connection', 'upgrade', 'transfer-encoding', 'connection'];

/** What is between the two ends alone, and goes through as it is. */
const END_TO_END: Fields = [
  ['x-unknown', 'one'],
  ['authorization', 'Bearer t'],
  ['proxy-authorization', 'Basic eA=='],
  ['via', '1.1 edge'],
  ['cache-control', 'no-transform'],
  ['if-none-match', '"a"'],
  ['range', 'bytes=0-1'],
  ['priority', 'u=1, i'],
  ['x-unknown', 'two'],
  ['x-latin', 'caf\xe9'],
];
const ANSWERED: Fields = [
  ['server', 'shard/1'],
  ['date', 'Mon, 01 Jan 2024 00:00:00 GMT'],
  ['etag', 'W/"a"'],
  ['last-modified', 'Mon, 01 Jan 2024 00:00:00 GMT'],
  ['allow', 'GET, PUT'],
  ['age', '7'],
  ['vary', 'accept'],
  ['www-authenticate', 'Bearer'],
  ['set-cookie', 'a=1'],
  ['set-cookie', 'b=2'],
  ['content-location', '/a/../b'],
  ['alt-svc', 'clear'],
  ['priority', 'u=5'],
];

export const fields: readonly Rule[] = [
  {
    id: 'end-to-end-fields-pass',
    ways: WAYS,
    async holds(hop) {
      const { got, seen } = await hop.exchange({ fields: END_TO_END }, { fields: ANSWERED, content: 'ok' });
      const names = new Set(END_TO_END.map(([name]) => name));
      expect(seen.fields.filter(([name]) => names.has(name))).toEqual(END_TO_END);
      const answered = new Set(ANSWERED.map(([name]) => name));
      expect(got.fields.filter(([name]) => answered.has(name))).toEqual(ANSWERED);
    },
  },
  {
    id: 'hop-by-hop-fields-of-request',
    ways: FROM_H1,
    async holds(hop) {
      const { seen } = await hop.exchange({
        fields: [
          ['Connection', 'keep-alive, X-Hop'],
          ['Connection', 'x-other, te'],
          ['Keep-Alive', 'timeout=5'],
          ['Proxy-Connection', 'keep-alive'],
          ['X-Hop', '1'],
          ['X-Other', '1'],
          ['TE', 'gzip;q=0.5, trailers'],
          ['X-Stays', '1'],
        ],
      });
      expect(seen.value('x-stays')).toBe('1');
      for (const name of ['x-hop', 'x-other', 'keep-alive', 'proxy-connection']) expect(seen.value(name)).toBeNull();
      expect(seen.value('te')).toBe(hop.to === 'h2' ? 'trailers' : null);
      expect(seen.value('connection') ?? 'keep-alive').toBe('keep-alive');
    },
  },
  {
    id: 'hop-by-hop-fields-of-answer',
    ways: TO_H1,
    async holds(hop) {
      const { got } = await hop.exchange(
        {},
        {
          fields: [
            ['Connection', 'x-secret'],
            ['Connection', 'keep-alive'],
            ['Keep-Alive', 'timeout=5'],
            ['Proxy-Connection', 'keep-alive'],
            ['Upgrade', 'h2c'],
            ['X-Secret', '1'],
            ['X-Stays', '1'],
          ],
        },
      );
      expect(got.value('x-stays')).toBe('1');
      expect(got.value('x-secret')).toBeNull();
      for (const name of OWN_CONNECTION) expect(got.value(name)).toBeNull();
    },
  },
  {
    id: 'connection-fields-in-http2-request',
    ways: FROM_H2,
    async holds(hop) {
      for (const name of OWN_CONNECTION) expect(await hop.refused({ fields: [[name, 'x']] })).toBe('reset');
      expect(await hop.refused({ fields: [['te', 'gzip']] })).toBe('reset');
    },
  },
  {
    id: 'connection-fields-in-http2-answer',
    ways: TO_H2,
    async holds(hop) {
      for (const name of OWN_CONNECTION)
        expect((await hop.ask({}, { fields: [[name, 'x']] })).got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'te-trailers',
    ways: ['h2→h2'],
    async holds(hop) {
      expect((await hop.exchange({ fields: [['te', 'trailers']] })).seen.value('te')).toBe('trailers');
    },
  },
  {
    id: 'blanks-around-values',
    ways: WAYS,
    async holds(hop) {
      const padded: Fields = [['x-padded', ' \t a b \t']];
      if (hop.from === 'h1') expect((await hop.exchange({ fields: padded })).seen.value('x-padded')).toBe('a b');
      else expect(await hop.refused({ fields: padded })).toBe('reset');
      const { got } = await hop.ask({}, { fields: padded, content: 'ok' });
      if (hop.to === 'h1') expect(got?.value('x-padded')).toBe('a b');
      else expect(got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'forbidden-characters-in-values',
    ways: WAYS,
    async holds(hop) {
      for (const value of ['a\0b', 'a\x07b', 'a\x7fb']) {
        expect(await hop.refused({ fields: [['x-a', value]] })).toBe(malformed(hop));
        if (hop.to === 'h2') expect((await hop.ask({}, { fields: [['x-a', value]] })).got?.status).toBe(502);
      }
      for (const value of ['a\r\nx-evil: 1', 'a\nx-evil: 1', 'a\rx-evil: 1']) {
        if (hop.from === 'h2') expect(await hop.refused({ fields: [['x-a', value]] })).toBe('reset');
        if (hop.to === 'h2') expect((await hop.ask({}, { fields: [['x-a', value]] })).got?.status).toBe(502);
      }
    },
  },
  {
    id: 'forbidden-names',
    ways: WAYS,
    async holds(hop) {
      for (const name of ['x a', 'x(a)', '', 'x\x80'])
        expect(await hop.refused({ fields: [[name, '1']] })).toBe(malformed(hop));
      if (hop.from === 'h2') {
        expect(await hop.refused({ fields: [['X-Upper', '1']] })).toBe('reset');
        expect(await hop.refused({ fields: [[':late', '1']] })).toBe('reset');
        expect(
          await hop.refused({
            fields: [
              ['x-a', '1'],
              [':path', '/other'],
            ],
          }),
        ).toBe('reset');
      } else expect(await hop.refused({ raw: 'GET TARGET HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n' })).toBe(400);
    },
  },
  {
    id: 'line-ends-and-folding',
    ways: FROM_H1,
    async holds(hop) {
      const lines = ['X-A: 1\r\n folded', 'X-A: 1\nX-B: 2', 'X-A: 1\rX-B: 2', 'no colon'];
      for (const line of lines)
        expect(await hop.refused({ raw: `GET TARGET HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n` })).toBe(400);
      expect(await hop.refused({ raw: 'GET TARGET HTTP/1.1\r\n Host: a\r\n\r\n' })).toBe(400);
    },
  },
  {
    id: 'blank-before-colon-of-answer',
    ways: TO_H1,
    async holds(hop) {
      const raw = 'HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length \t: 2\r\n\r\nok';
      const { got } = await hop.exchange({}, { raw });
      expect([got.value('x-a'), got.content]).toEqual(['1', 'ok']);
    },
  },
  {
    id: 'line-ends-and-folding-of-answer',
    ways: TO_H1,
    async holds(hop) {
      for (const line of ['X-A: 1\r\n folded', 'X-A: 1\nX-B: 2', 'X-A: 1\rX-B: 2', 'no colon', 'X-A: a\0b'])
        expect((await hop.ask({}, { raw: `HTTP/1.1 200 OK\r\n${line}\r\n\r\n`, closes: true })).got?.status).toBe(502);
    },
  },
  {
    id: 'cookie-crumbs',
    ways: FROM_H2,
    async holds(hop) {
      const { seen } = await hop.exchange({
        fields: [
          ['cookie', 'a=1'],
          ['cookie', 'b=2'],
        ],
      });
      expect(seen.fields.filter(([name]) => name === 'cookie').map(([, value]) => value)).toEqual(
        hop.to === 'h1' ? ['a=1; b=2'] : ['a=1', 'b=2'],
      );
    },
  },
  {
    id: 'router-fields-not-believed',
    ways: WAYS,
    async holds(hop) {
      const { seen } = await hop.exchange({
        fields: [
          ['x-keyway-version', '9'],
          ['x-forwarded-for', '10.0.0.1'],
          ['forwarded', 'for=10.0.0.1'],
          ['http2-settings', 'AAMAAABk'],
        ],
      });
      expect(seen.value('x-forwarded-for')).toBe('127.0.0.1');
      for (const name of ['x-keyway-version', 'forwarded', 'http2-settings']) expect(seen.value(name)).toBeNull();
    },
  },
];
