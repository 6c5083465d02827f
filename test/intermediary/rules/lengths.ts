import { expect } from 'vitest';
import { FROM_H1, FROM_H2, type Hop, TO_H1, TO_H2, WAYS } from '../hop.ts';
import type { Answer } from '../message.ts';
import type { Rule } from '../rule.ts';

const SIXTY = [['content-length', '60']] as const;

/** How an answer ends that cannot be completed. */
const brokenOff = ({ from }: Hop): string => (from === 'h1' ? 'closed' : 'reset');
/** How a request is refused that is malformed. */
const malformed = ({ from }: Hop): number | string => (from === 'h1' ? 400 : 'reset');

/** Two requests sent one behind the other: the second's answer is its own, or there is none. */
async function answersTwo(hop: Hop, first: Answer): Promise<{ first: string; second: string | null }> {
  hop.answers((request) => (request.target.endsWith('/first') ? first : { content: 'of the second' }));
  const client = await hop.connect();
  client.send({}, hop.targetOf({ path: '/first' }));
  client.send({}, hop.targetOf({ path: '/second' }));
  const one = await client.answer(0);
  const two = await client.answer(1);
  return { first: `${one?.end} ${one?.status} ${one?.content}`, second: two?.content ?? null };
}

export const lengths: readonly Rule[] = [
  {
    id: 'answer-ends-before-length',
    ways: WAYS,
    async holds(hop) {
      const cut: Answer = { fields: SIXTY, content: 'ab', closes: true };
      const { got } = await hop.ask({}, cut);
      expect(got?.end).toBe(brokenOff(hop));
      expect('ab').toContain(got?.content);
      const trailed = hop.to === 'h2' ? { ...cut, trailers: [['x-a', '1']] as const } : cut;
      expect((await hop.ask({}, trailed)).got?.end).toBe(brokenOff(hop));
    },
  },
  {
    id: 'answer-without-announced-content',
    ways: TO_H2,
    async holds(hop) {
      const { first, second } = await answersTwo(hop, { fields: SIXTY });
      expect(first).toMatch(/^complete 502 shard .* broke the protocol/);
      expect(second).toBe('of the second');
    },
  },
  {
    id: 'answer-longer-than-length',
    ways: WAYS,
    async holds(hop) {
      const long: Answer = { fields: [['content-length', '2']], content: ['ab', 'HTTP/1.1 200 OK\r\n\r\n'] };
      const { first, second } = await answersTwo(hop, long);
      if (hop.to === 'h1') expect({ first, second }).toEqual({ first: 'complete 200 ab', second: 'of the second' });
      else {
        // What is over HTTP/1.1 had its length, and its connection ends behind it.
        expect(first).toBe(hop.from === 'h1' ? 'complete 200 ab' : 'reset 200 ab');
        expect(second).toBe(hop.from === 'h1' ? null : 'of the second');
      }
    },
  },
  {
    id: 'length-of-no-content',
    ways: WAYS,
    async holds(hop) {
      for (const status of [204, 304]) {
        const said: Answer = {
          status,
          fields: [...SIXTY, ['etag', '"a"']],
          ...(hop.to === 'h2' ? { end: 'late' } : {}),
        };
        expect(await answersTwo(hop, said)).toEqual({ first: `complete ${status} `, second: 'of the second' });
      }
      const head = await hop.exchange(
        { method: 'HEAD' },
        { fields: SIXTY, ...(hop.to === 'h2' ? { end: 'late' } : {}) },
      );
      expect(head.got).toMatchObject({ end: 'complete', status: 200, content: '' });
      expect(head.got.value('content-length')).toBe('60');
    },
  },
  {
    id: 'content-where-none-may-be',
    ways: TO_H2,
    async holds(hop) {
      const { second } = await answersTwo(hop, {
        status: 204,
        content: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      });
      expect(second).toBe(hop.from === 'h1' ? null : 'of the second');
    },
  },
  {
    id: 'no-length-where-none-may-be',
    ways: WAYS,
    async holds(hop) {
      const { got } = await hop.exchange({}, { status: 204, fields: [['content-length', '0']] });
      expect(got.value('content-length')).toBeNull();
    },
  },
  {
    id: 'request-ends-before-length',
    ways: WAYS,
    async holds(hop) {
      const client = await hop.connect();
      client.send({ method: 'PUT', fields: SIXTY, content: 'ab' }, hop.targetOf({ path: '/cut' }));
      if (hop.from === 'h2') expect(await client.answer()).toMatchObject({ end: 'reset', code: 1 });
      client.close();
      await hop.ask({ path: '/other' });
      expect(hop.shard.requests.filter(({ target, end }) => target.endsWith('/cut') && end === 'complete')).toEqual([]);
    },
  },
  {
    id: 'request-longer-than-length',
    ways: WAYS,
    async holds(hop) {
      const client = await hop.connect();
      const fields = [['content-length', '2']] as const;
      client.send({ method: 'PUT', fields, content: ['ab', '!cd'] }, hop.targetOf({ path: '/long' }));
      if (hop.from === 'h1') {
        // What is over is taken for the next request, and is none.
        expect(await client.answer(1)).toMatchObject({ status: 400 });
        expect(await hop.shard.request()).toMatchObject({ content: 'ab' });
      } else {
        expect(await client.answer()).toMatchObject({ end: 'reset', code: 1 });
        await hop.ask({ path: '/other' });
        expect(hop.shard.requests.filter(({ target, end }) => target.endsWith('/long') && end === 'complete')).toEqual(
          [],
        );
      }
    },
  },
  {
    id: 'length-twice-in-request',
    ways: WAYS,
    async holds(hop) {
      for (const second of ['2', '3']) {
        const fields = [
          ['content-length', '2'],
          ['content-length', second],
        ] as const;
        expect(await hop.refused({ method: 'PUT', fields, content: 'ab' })).toBe(malformed(hop));
      }
      for (const length of ['2, 2', '+2', '0x2', '-0', ''])
        expect(await hop.refused({ method: 'PUT', fields: [['content-length', length]], content: 'ab' })).toBe(
          malformed(hop),
        );
    },
  },
  {
    id: 'length-twice-in-answer',
    ways: WAYS,
    async holds(hop) {
      const fields = [
        ['content-length', '2'],
        ['content-length', '3'],
      ] as const;
      expect((await hop.ask({}, { fields, content: 'ab', closes: true })).got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'length-and-chunks-in-request',
    ways: FROM_H1,
    async holds(hop) {
      const both =
        'POST TARGET HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
      expect(await hop.refused({ raw: both })).toBe(400);
    },
  },
  {
    id: 'length-and-chunks-in-answer',
    ways: TO_H1,
    async holds(hop) {
      const raw = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n';
      expect((await hop.ask({}, { raw })).got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'transfer-coding-of-request',
    ways: FROM_H1,
    async holds(hop) {
      const coded = (coding: string): string =>
        `POST TARGET HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`;
      for (const coding of ['gzip, chunked', 'identity', 'xchunked'])
        expect(await hop.refused({ raw: coded(coding) })).toBe(501);
      const old = 'POST TARGET HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
      expect(await hop.refused({ raw: old })).toBe(400);
    },
  },
  {
    id: 'transfer-coding-of-answer',
    ways: TO_H1,
    async holds(hop) {
      const raw = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n';
      expect((await hop.ask({}, { raw })).got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'chunks-cut-off',
    ways: TO_H1,
    async holds(hop) {
      const { got } = await hop.ask({}, { content: 'ab', end: 'never', closes: true });
      expect(got).toMatchObject({ end: brokenOff(hop), content: 'ab' });
    },
  },
  {
    id: 'content-until-close',
    ways: TO_H1,
    async holds(hop) {
      const { got } = await hop.ask({}, { raw: 'HTTP/1.1 200 OK\r\n\r\nto the end', closes: true });
      expect(got).toMatchObject({ end: 'complete', content: 'to the end' });
    },
  },
  {
    id: 'unknown-length-passes',
    ways: WAYS,
    async holds(hop) {
      const { got, seen } = await hop.exchange(
        { method: 'POST', content: ['ab', 'cd'], end: 'late' },
        { content: ['ef', 'gh'], end: 'late' },
      );
      expect(seen).toMatchObject({ content: 'abcd', end: 'complete' });
      expect(got).toMatchObject({ content: 'efgh', end: 'complete' });
    },
  },
  {
    id: 'chunk-extensions',
    ways: FROM_H1,
    async holds(hop) {
      const sized = (size: string): string =>
        `POST TARGET HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`;
      for (const size of ['5;a=b', '5 ;a=b', '5\t ; a="b"', '05'])
        expect((await hop.exchange({ raw: sized(size) }, {})).seen.content).toBe('hello');
      for (const size of ['5 ', '5 a', '5\x0b;a', ' 5', '5,5'])
        expect((await hop.ask({ raw: sized(size) })).got?.status).toBe(400);
    },
  },
  {
    id: 'transfer-encoding-in-http2',
    ways: FROM_H2,
    async holds(hop) {
      expect(await hop.refused({ method: 'POST', fields: [['transfer-encoding', 'chunked']], content: 'ab' })).toBe(
        'reset',
      );
    },
  },
];
