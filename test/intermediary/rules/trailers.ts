import { expect } from 'vitest';
import { FROM_H1, FROM_H2, WAYS } from '../hop.ts';
import type { Fields } from '../message.ts';
import type { Rule } from '../rule.ts';

const FORBIDDEN: Fields = [
  ['content-type', 'text/evil'],
  ['content-encoding', 'gzip'],
  ['cache-control', 'max-age=9'],
  ['authorization', 'Bearer evil'],
  ['set-cookie', 'a=evil'],
  ['cookie', 'a=evil'],
  ['location', '/evil'],
  ['expect', '100-continue'],
  ['max-forwards', '1'],
  ['range', 'bytes=0-'],
  ['if-match', '*'],
  ['vary', '*'],
  ['trailer', 'x'],
];
const KEPT = ['x-checksum', '1'] as const;

export const trailers: readonly Rule[] = [
  {
    id: 'trailers-of-answer-pass',
    ways: WAYS,
    async holds(hop) {
      const { got } = await hop.exchange(
        {},
        { content: 'ok', trailers: [KEPT, ['etag', '"a"'], ['server-timing', 'a']] },
      );
      expect(got).toMatchObject({ content: 'ok', end: 'complete' });
      expect(got.trailers).toEqual([KEPT, ['etag', '"a"'], ['server-timing', 'a']]);
    },
  },
  {
    id: 'trailers-of-request-pass',
    ways: WAYS,
    async holds(hop) {
      const { seen } = await hop.exchange({ method: 'POST', content: 'ok', trailers: [KEPT] });
      expect(seen).toMatchObject({ content: 'ok', trailers: [KEPT], end: 'complete' });
    },
  },
  {
    id: 'trailers-that-act-on-the-message',
    ways: WAYS,
    async holds(hop) {
      const request = { method: 'POST', content: 'ok', trailers: [...FORBIDDEN, KEPT] };
      const { got, seen } = await hop.exchange(request, { content: 'ok', trailers: [...FORBIDDEN, KEPT] });
      expect(got).toMatchObject({ end: 'complete', trailers: [KEPT] });
      expect(seen.trailers).toEqual([KEPT]);
      // Where nothing is left, the content ends by itself.
      const none = await hop.exchange({ ...request, trailers: FORBIDDEN }, { content: 'ok', trailers: FORBIDDEN });
      expect(none.got).toMatchObject({ end: 'complete', trailers: [], content: 'ok' });
      expect(none.seen).toMatchObject({ end: 'complete', trailers: [], content: 'ok' });
    },
  },
  {
    id: 'trailers-that-frame-or-route',
    ways: WAYS,
    async holds(hop) {
      const framing: Fields =
        hop.from === 'h1'
          ? [
              ['content-length', '2'],
              ['transfer-encoding', 'chunked'],
              ['host', 'a'],
            ]
          : [
              ['connection', 'close'],
              [':path', '/x'],
            ];
      for (const trailer of framing) {
        const { got } = await hop.ask({ method: 'POST', content: 'ok', trailers: [trailer] }, () => ({}));
        expect(got?.end === 'reset' || got?.status === 400).toBe(true);
        expect(hop.shard.requests.filter(({ end }) => end === 'complete')).toEqual([]);
      }
      if (hop.from === 'h1') return;
      const { seen } = await hop.exchange(
        {
          method: 'POST',
          path: '/last',
          content: 'ok',
          trailers: [
            ['content-length', '9'],
            ['host', 'b'],
            ['x-a', '1'],
          ],
        },
        {},
      );
      expect(seen.trailers).toEqual([['x-a', '1']]);
    },
  },
  {
    id: 'trailers-of-the-router',
    ways: WAYS,
    async holds(hop) {
      const said: Fields = [
        ['x-keyway-version', '9'],
        ['x-forwarded-for', '10.0.0.1'],
        ['forwarded', 'for=10.0.0.1'],
        ['x-shard-key', 'other'],
        KEPT,
      ];
      const request = {
        method: 'POST',
        path: '/keyed',
        fields: [['x-shard-key', 'k']] as const,
        content: 'ok',
        trailers: said,
      };
      expect((await hop.exchange(request)).seen.trailers).toEqual([KEPT]);
    },
  },
  {
    id: 'trailers-malformed-in-http2',
    ways: FROM_H2,
    async holds(hop) {
      const { got } = await hop.ask({ method: 'POST', content: 'ok', trailers: [['X-Upper', '1']] });
      expect(got).toMatchObject({ end: 'reset', code: 1 });
    },
  },
  {
    id: 'trailers-without-chunks',
    ways: FROM_H1,
    async holds(hop) {
      // With a length there is no place for them: they are left out.
      if (hop.to !== 'h2') return;
      const { got } = await hop.exchange({}, { fields: [['content-length', '2']], content: 'ok', trailers: [KEPT] });
      expect(got).toMatchObject({ content: 'ok', end: 'complete', trailers: [] });
    },
  },
];
