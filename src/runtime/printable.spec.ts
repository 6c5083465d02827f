import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { printable, printableLine } from './printable.ts';

const SOURCES = new URL('../', import.meta.url);

it('shows what would steer a terminal, and leaves all other text as it is', () => {
  expect(printable('\x1b]0;owned\x07\x1b[2J')).toBe('\\u001b]0;owned\\u0007\\u001b[2J');
  expect(printable('\x9b31m \x85 \x7f \r')).toBe('\\u009b31m \\u0085 \\u007f \\u000d');
  expect(printable('a\u202eb\u2066c\u200fd\u061ce\u2028f')).toBe('a\\u202eb\\u2066c\\u200fd\\u061ce\\u2028f');
  expect(printable('two\nlines\tand a column')).toBe('two\nlines\tand a column');
  expect(printableLine('two\nlines\tand a column')).toBe('two\\u000alines\\u0009and a column');
  const harmless = 'naïve 日本語 שלום مرحبا 👩‍👩‍👧 e\u0301 – „“ \u00a0';
  expect(printableLine(harmless)).toBe(harmless);
});

it('shows every control character, and leaves JSON the same JSON', () => {
  const value = { text: Array.from({ length: 0x2070 }, (_, i) => String.fromCharCode(i)).join('') };
  const shown = printable(JSON.stringify(value));
  expect(JSON.parse(shown)).toEqual(value);
  expect(shown).not.toMatch(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
});

it('is applied to everything that a command prints', () => {
  const printing = ['cli', 'app'].flatMap((folder) =>
    globSync(`${folder}/**/*.ts`, { cwd: SOURCES }).filter((file) =>
      /process\.std(out|err)\.write|console\./.test(readFileSync(new URL(file, SOURCES), 'utf8')),
    ),
  );
  expect(printing).toEqual(['cli/output/terminal.ts']);
});
