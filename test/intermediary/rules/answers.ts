import { expect } from 'vitest';
import { FROM_H1, TO_H1, TO_H2, WAYS } from '../hop.ts';
import type { Rule } from '../rule.ts';

export const answers: readonly Rule[] = [
  {
    id: 'expect-100-continue',
    ways: WAYS,
    async holds(hop) {
      // The shard says 100 where it is asked to.
      hop.answers({ content: 'done' });
      for (const length of [[['content-length', '2']], [['content-length', '100000']], []] as const) {
        hop.shard.requests = [];
        const client = await hop.connect();
        const chunked = hop.from === 'h1' && length.length === 0;
        const framed = chunked ? ([['transfer-encoding', 'chunked']] as const) : length;
        const fields = [['expect', '100-continue'], ...framed] as const;
        const request = { method: 'PUT', fields, end: 'never' } as const;
        client.send(
          hop.from === 'h1'
            ? {
                ...request,
                raw: `PUT TARGET HTTP/1.1\r\nHost: a\r\n${fields.map((each) => each.join(': ')).join('\r\n')}\r\n\r\n`,
              }
            : request,
          hop.targetOf({}),
        );
        await client.until(
          ({ answers: [got] }) => got?.informational.includes(100) === true || client.text.includes(' 100 '),
        );
        const content = 'x'.repeat(length[0]?.[1] === '100000' ? 100_000 : 2);
        if (hop.from === 'h1') client.sendOn(chunked ? '2\r\nxx\r\n0\r\n\r\n' : content);
        else
          for (let at = 0; at < content.length; at += 10_000)
            client.sendOn(content.slice(at, at + 10_000), at + 10_000 >= content.length);
        expect(await client.answer()).toMatchObject({ status: 200, content: 'done' });
        expect((await hop.shard.request()).content.length).toBe(content.length);
      }
    },
  },
  {
    id: 'expect-without-content',
    ways: WAYS,
    async holds(hop) {
      const { got } = await hop.exchange({ fields: [['expect', '100-continue']] }, { content: 'ok' });
      expect(got).toMatchObject({ status: 200, content: 'ok' });
    },
  },
  {
    id: 'expect-anything-else',
    ways: FROM_H1,
    async holds(hop) {
      expect(await hop.refused({ fields: [['expect', 'more']] })).toBe(417);
    },
  },
  {
    id: 'informational-answers-pass',
    ways: WAYS,
    async holds(hop) {
      const informational = [{ status: 103, fields: [['link', '</a>']] as const }, { status: 110 }];
      const { got } = await hop.exchange({}, { informational, content: 'ok' });
      expect(got).toMatchObject({ informational: [103, 110], status: 200, content: 'ok' });
    },
  },
  {
    id: 'continue-that-nobody-asked-for',
    ways: TO_H1,
    async holds(hop) {
      const said = { informational: [{ status: 100 }], content: 'ok' };
      const { got } = await hop.exchange({ method: 'POST', content: 'hi' }, said);
      expect(got).toMatchObject({ informational: [], status: 200, content: 'ok' });
    },
  },
  {
    id: 'informational-answers-not-for-http10',
    ways: FROM_H1,
    async holds(hop) {
      const { client } = await hop.exchange(
        { raw: 'GET TARGET HTTP/1.0\r\nHost: a\r\n\r\n' },
        { informational: [{ status: 103 }], content: 'ok' },
      );
      expect(client.text).toMatch(/^HTTP\/1\.1 200 /);
    },
  },
  {
    id: 'switching-protocols-unasked',
    ways: TO_H2,
    async holds(hop) {
      expect((await hop.ask({}, { status: 101, end: 'late' })).got).toMatchObject({ status: 502 });
    },
  },
  {
    id: 'upgrade-required',
    ways: FROM_H1,
    async holds(hop) {
      const { got } = await hop.exchange({}, { status: 426, content: 'no' });
      expect(got).toMatchObject({ status: 426, content: 'no' });
      expect(got.value('upgrade')).toBe('websocket');
      expect(got.value('connection')).toBe('upgrade');
    },
  },
  {
    id: 'unknown-upgrades-are-ignored',
    ways: FROM_H1,
    async holds(hop) {
      const { seen, got } = await hop.exchange(
        {
          fields: [
            ['Connection', 'upgrade'],
            ['Upgrade', 'chat/1, foo'],
          ],
        },
        { content: 'ok' },
      );
      expect(seen.value('upgrade')).toBeNull();
      expect(got).toMatchObject({ status: 200, content: 'ok' });
    },
  },
  {
    id: 'unknown-statuses-pass',
    ways: WAYS,
    async holds(hop) {
      for (const status of [205, 299, 399, 451, 499, 599])
        expect((await hop.exchange({}, { status })).got).toMatchObject({ status, end: 'complete' });
    },
  },
  {
    id: 'connection-close',
    ways: FROM_H1,
    async holds(hop) {
      const { got, client } = await hop.exchange({ fields: [['Connection', 'close']] }, { content: 'ok' });
      expect(got.value('connection')).toBe('close');
      await client.until(({ closed }) => closed);
      const stays = await hop.exchange({}, { content: 'ok' });
      expect(stays.got.value('connection')).toBeNull();
      stays.client.send({}, hop.targetOf({}));
      expect(await stays.client.answer(1)).toMatchObject({ status: 200 });
    },
  },
  {
    id: 'answers-in-order',
    ways: FROM_H1,
    async holds(hop) {
      hop.answers((request) => ({ content: request.target }));
      const client = await hop.connect();
      const paths = ['/one', '/two', '/three'];
      for (const path of paths) client.send({}, hop.targetOf({ path }));
      for (const [i, path] of paths.entries()) expect((await client.answer(i))?.content).toBe(`/${hop.to}${path}`);
    },
  },
];
