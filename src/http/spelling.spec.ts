import { describe, expect, it } from 'vitest';
import { canonicalPath, canonicalQueryText } from './spelling.ts';

describe('a path', () => {
  it.each([
    ['/docs/hi', '/docs/%68i', '/docs/h%69', '/./docs/hi', '/x/../docs/hi', '/docs/%2e/hi', '/x/%2E%2e/docs/hi'],
    ["/docs/it's", '/docs/it%27s'],
    ['/docs/a~b', '/docs/a%7Eb', '/docs/a%7eb'],
    ['/docs/x%2Fy', '/docs/x%2fy'],
    ['/docs/caf%C3%A9', '/docs/caf%c3%a9', '/docs/caf\xc3\xa9'],
    ['/docs/a@b:c', '/docs/a%40b%3Ac', '/docs/a%40b%3ac'],
    ['/docs/a%20b', '/docs/a b'],
    ['/docs/100%25', '/docs/%3100%25'],
    ['/a/', '/a/.', '/a/b/..', '/a/b/../', '/../a/'],
    ['/', '/.', '/..', '/../..'],
    ['/a//b', '/%61//b'],
    ['/a%5Cb', '/a%5cb', '/a\\b'],
    ['*'],
    ['/100%', '/%3100%'],
  ])('has one spelling: %s', (one, ...others) => {
    for (const other of [one, ...others]) expect(canonicalPath(other)).toBe(one);
  });

  it('of another resource is another', () => {
    const paths = ['/x/y', '/x%2Fy', '/x%252Fy', '/x', '/x/', '/X/y', '/x//y', '/x%3Fy'];
    expect(new Set(paths.map(canonicalPath)).size).toBe(paths.length);
  });
});

it('spells a value of a query in one way where all readers agree, and else leaves it as Envoy hashes it', () => {
  for (const text of [
    'user%40example.com',
    'user@example.com',
    'a+b',
    'a%20b',
    '%ED%95%9C',
    'a/b',
    'a%2Fb',
    '100%',
    '%zz',
  ])
    expect(canonicalQueryText(text)).toBe(text);
  for (const [text, one] of [
    ['%68i', 'hi'],
    ['a%7eb', 'a~b'],
    ['%ed%95%9c', '%ED%95%9C'],
  ] as const)
    expect(canonicalQueryText(text)).toBe(one);
});
