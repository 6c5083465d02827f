import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { faults } from './faults.ts';
import { models } from './models.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const module = readFileSync(new URL('Handoff.tla', import.meta.url), 'utf8');

/** What the module says to be a function of the product, each with its file. */
const named = [...module.matchAll(/^\\\* (src\/\S+\.ts)\n(\w+)/gm)].map(([, file = '', name = '']) => ({ file, name }));

/** Whether a source defines a function, a method or a property of this name. */
function defines(source: string, name: string): boolean {
  return new RegExp(`^(export )?(async )?function ${name}[<(]|^ {2}(static )?(async |get )?#?${name}\\(`, 'm').test(
    source,
  );
}

it.each(named)('$name stands for a function of $file', ({ file, name }) => {
  expect(defines(readFileSync(`${ROOT}${file}`, 'utf8'), name)).toBe(true);
});

it('names the functions of the product wherever a definition is in lower case', () => {
  const lower = [...module.matchAll(/^([a-z]\w*)(?:\([^)]*\))? ==/gm)].map(([, name]) => name);
  const helpers = ['vars', 'registry', 'processes', 'knowledge', 'work'];
  expect(lower.filter((name) => !helpers.includes(name as string))).toEqual(named.map(({ name }) => name));
  expect(named.length).toBeGreaterThan(20);
});

it.each(faults)('can be planted: $name', ({ swap: [from], model }) => {
  expect(module.split(from)).toHaveLength(2);
  expect(models.map(({ name }) => name)).toContain(model);
});

it('tells a function that is there from one that is only called', () => {
  expect(defines('class Gate {\n  admits(request) {\n    this.holds(request);\n  }\n}', 'admits')).toBe(true);
  expect(defines('class Gate {\n  admits(request) {\n    this.holds(request);\n  }\n}', 'holds')).toBe(false);
});
