import { expect, it } from 'vitest';
import { readTyped, wordsOf } from './line.ts';

it.each([
  ['', []],
  ['  # a comment', []],
  ['cd shop/cache # there', ['cd', 'shop/cache']],
  [`mkcl -n "a b" 'c"d'e`, ['mkcl', '-n', 'a b', 'c"de']],
])('divides %j into words', (line, words) => {
  expect(wordsOf(line)).toEqual(words);
});

it('refuses quotes that do not end', () => {
  expect(() => wordsOf('cd "shop')).toThrow('a quote does not end');
});

const FLAGS = { values: ['-s'], switches: ['-e'], plain: 1 };

it('reads flags in any order', () => {
  const typed = readTyped(['name', '-e', '-s', '3'], FLAGS);
  expect([typed.value('-s'), typed.has('-e'), typed.plain]).toEqual(['3', true, ['name']]);
});

it.each([[['-x']], [['-s']], [['-s', '1', '-s', '2']], [['one', 'two']]])('refuses %j', (words) => {
  expect(() => readTyped(words, FLAGS)).toThrow();
});
