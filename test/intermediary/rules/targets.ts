import { expect } from 'vitest';
import { FROM_H1, FROM_H2, type Hop, WAYS } from '../hop.ts';
import type { Got } from '../message.ts';
import type { Rule } from '../rule.ts';

/** For whom a shard takes a request to be. */
const hostOf = (hop: Hop, seen: Got): string | null => seen.value(hop.to === 'h1' ? 'host' : ':authority');

export const targets: readonly Rule[] = [
  {
    id: 'target-passes-as-it-is',
    ways: WAYS,
    async holds(hop) {
      const path = '/a/../%2e/b//%41%2F;p=1/?q=%20&&=+\\{|}^`"<>';
      const { seen } = await hop.exchange({ path });
      expect(seen.target).toBe(`/${hop.to}${path}`);
      expect((await hop.exchange({ path: '/?' }, {})).seen.target).toBe(`/${hop.to}/?`);
    },
  },
  {
    id: 'target-that-is-none',
    ways: WAYS,
    async holds(hop) {
      const { to } = hop;
      const targets = [`/${to}/a#b`, `/${to}/\xe9`, `${to}/x`, `\\${to}/x`, 'ftp://a/x', '*'];
      const http2 = [`/${to}/a b`, `/${to}/a HTTP/1.1`, `http://a/${to}/x`, 'a.example:80'];
      for (const target of hop.from === 'h1' ? targets : [...targets, ...http2])
        expect([target, await hop.refused({ target })]).toEqual([target, 400]);
      if (hop.from === 'h2') {
        for (const target of ['', `/${to}/\x7f`, `/${to}/\0`]) expect(await hop.refused({ target })).toBe('reset');
        expect(await hop.refused({ method: 'GE T' })).toBe(400);
      }
    },
  },
  {
    id: 'authority-that-is-none',
    ways: WAYS,
    async holds(hop) {
      const none = [
        'user@a',
        'user:p@a',
        'a/b',
        'a?b',
        'a#b',
        'a\\b',
        'a:b',
        'a:80:90',
        'a:123456',
        '[::1',
        '::1',
        'a b',
        '\xe9',
      ];
      for (const authority of none) expect([authority, await hop.refused({ authority })]).toEqual([authority, 400]);
      for (const authority of ['a', 'A.Example:8080', 'a:', '[::1]:80', '127.0.0.1', '%41', "a-b_c~!$&'()*+,;="])
        expect(hostOf(hop, (await hop.exchange({ authority }, {})).seen)).toBe(authority);
    },
  },
  {
    id: 'host-for-authority',
    ways: FROM_H2,
    async holds(hop) {
      const { seen } = await hop.exchange({
        authority: null,
        target: `/hosted/${hop.to}`,
        fields: [['host', 'docs.example']],
      });
      expect(hostOf(hop, seen)).toBe('docs.example');
      expect(seen.fields.filter(([name]) => name === 'host' || name === ':authority')).toHaveLength(1);
      expect(seen.target).toBe(`/hosted/${hop.to}`);
    },
  },
  {
    id: 'host-beside-authority',
    ways: FROM_H2,
    async holds(hop) {
      const { seen } = await hop.exchange({ authority: 'docs.example', fields: [['host', 'DOCS.example']] });
      expect(seen.fields.filter(([name]) => name === 'host' || name === ':authority')).toEqual([
        [hop.to === 'h1' ? 'host' : ':authority', 'docs.example'],
      ]);
      expect(await hop.refused({ authority: 'a.example', fields: [['host', 'docs.example']] })).toBe('reset');
      const twice = [
        ['host', 'a'],
        ['host', 'a'],
      ] as const;
      expect(await hop.refused({ authority: null, fields: twice })).toBe('reset');
    },
  },
  {
    id: 'host-of-http1',
    ways: FROM_H1,
    async holds(hop) {
      expect(await hop.refused({ authority: null })).toBe(400);
      expect(await hop.refused({ fields: [['Host', 'a.example']] })).toBe(400);
      expect(hostOf(hop, (await hop.exchange({ authority: '' })).seen) ?? '').toBe('');
    },
  },
  {
    id: 'no-authority-at-all',
    ways: FROM_H2,
    async holds(hop) {
      const { seen } = await hop.exchange({ authority: null });
      expect(hostOf(hop, seen) ?? '').toBe('');
    },
  },
  {
    id: 'absolute-form',
    ways: FROM_H1,
    async holds(hop) {
      const { seen } = await hop.exchange({ target: `http://b.example:8080/${hop.to}/x?y` });
      expect(seen.target).toBe(`/${hop.to}/x?y`);
      expect(hostOf(hop, seen)).toBe('b.example:8080');
      for (const target of [`http://u@b/${hop.to}/x`, 'http:///x', 'http://b#c'])
        expect(
          await hop.refused({ target }).then((status) => (hop.shard.requests.length > 1 ? 'asked' : status)),
        ).not.toBe(200);
    },
  },
  {
    id: 'asterisk-form',
    ways: WAYS,
    async holds(hop) {
      const to = [['x-to', hop.to]] as const;
      const { seen } = await hop.exchange({ method: 'OPTIONS', target: '*', fields: to });
      expect(seen).toMatchObject({ method: 'OPTIONS', target: '*' });
      if (hop.from === 'h2') return;
      const absolute = await hop.exchange({ method: 'OPTIONS', target: 'http://b.example', fields: to }, {});
      expect(absolute.seen.target).toBe('*');
    },
  },
  {
    id: 'connect-is-refused',
    ways: ['h1→h1', 'h2→h2'],
    async holds(hop) {
      if (hop.from === 'h1') expect(await hop.refused({ method: 'CONNECT', target: 'a.example:443' })).toBe(501);
      // With :scheme and :path it is malformed (RFC 9113, 8.5).
      else expect(await hop.refused({ method: 'CONNECT' })).toBe('reset');
      expect(await hop.refused({ method: 'CONNECT', protocol: 'chat' })).toBe(501);
    },
  },
  {
    id: 'max-forwards',
    ways: WAYS,
    async holds(hop) {
      for (const method of ['OPTIONS', 'TRACE']) {
        const { seen } = await hop.exchange({ method, fields: [['max-forwards', '3']] }, {});
        expect(seen.value('max-forwards')).toBe('2');
        expect(await hop.refused({ method, fields: [['max-forwards', '0']] })).toBe(method === 'TRACE' ? 501 : 200);
      }
      const other = await hop.exchange({ method: 'GET', fields: [['max-forwards', '0']] }, {});
      expect(other.seen.value('max-forwards')).toBe('0');
    },
  },
  {
    id: 'versions-are-each-sides-own',
    ways: FROM_H1,
    async holds(hop) {
      // The readers of the test take no line with another version than HTTP/1.1.
      const old = await hop.exchange({ raw: 'GET TARGET HTTP/1.0\r\nHost: a\r\n\r\n' }, { content: 'ok' });
      expect(old.got).toMatchObject({ status: 200, content: 'ok' });
      expect(await hop.refused({ raw: 'GET TARGET HTTP/2.0\r\nHost: a\r\n\r\n' })).toBe(505);
    },
  },
];
