import { expect, it } from 'vitest';
import { hostTold } from './told-host.ts';

const THERE = { host: 'redis-0.example', ip: '10.0.0.1' };
const HERE = { host: 'localhost', ip: '127.0.0.1' };

it.each([
  '10.0.0.2',
  'redis-1',
  'redis-1.example',
  'a_b.example.',
  'fd00::1',
  '2001:db8::1',
  '127.example',
])('goes to %s, whoever tells of it', (host) => {
  expect([hostTold(host, false, THERE), hostTold(host, true, HERE)]).toEqual([host, host]);
});

it.each([
  '127.0.0.1',
  '127.9.9.9',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '0:0:0:0:0:0:0:1',
  'localhost',
  'LOCALHOST.',
  'redis.localhost',
  'ip6-loopback',
])('goes to %s, which is this machine, only where a node on it tells of it', (host) => {
  expect([hostTold(host, false, THERE), hostTold(host, false, HERE)]).toEqual([null, host]);
  expect(hostTold(host, true, THERE)).toBe(THERE.host);
});

it.each([
  '',
  '0.0.0.0',
  '::',
  '0.1.2.3',
  '224.0.0.1',
  '255.255.255.255',
  'ff02::1',
])('goes to no node at "%s", and to one that says it of itself where it was reached', (host) => {
  expect([hostTold(host, false, THERE), hostTold(host, false, HERE)]).toEqual([null, null]);
  expect([hostTold(host, true, THERE), hostTold(host, true, HERE)]).toEqual([THERE.host, HERE.host]);
});

it.each(['169.254.169.254', 'fe80::1'])('goes to %s only where a node of that network tells of it', (host) => {
  expect([hostTold(host, false, THERE), hostTold(host, false, HERE)]).toEqual([null, null]);
  expect(hostTold(host, false, { host, ip: '169.254.0.1' })).toBe(host);
});

it.each([
  '127.1',
  '0x7f000001',
  '2130706433',
  '0x7f.1',
  '0',
  'a b',
  'a/b',
  'user@host',
  'x'.repeat(300),
])('takes "%s" for no host', (host) => {
  for (const reached of [THERE, HERE])
    expect([hostTold(host, false, reached), hostTold(host, true, reached)]).toEqual([null, null]);
});
