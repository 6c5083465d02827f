import { expect, it } from 'vitest';
import { globMatches } from './glob.ts';

it.each([
  ['save', 'save', true],
  ['save', 'saved', false],
  ['saved', 'save', false],
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['max*', 'maxmemory', true],
  ['*memory', 'maxmemory', true],
  ['*max*policy', 'maxmemory-policy', true],
  ['*m*y', 'maxmemory-policy', true],
  ['*a*b', 'aab-b-c', false],
  ['a*a', 'a', false],
  ['m.x', 'max', false],
])('%j and %j', (pattern, text, is) => {
  expect(globMatches(pattern, text)).toBe(is);
});

it('takes few steps, however many stars a pattern has', () => {
  expect(globMatches(`${'*a'.repeat(100)}b`, 'a'.repeat(200))).toBe(false);
  expect(globMatches(`${'*'.repeat(10_000)}b`, 'a'.repeat(200))).toBe(false);
});
