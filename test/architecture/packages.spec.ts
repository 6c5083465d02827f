import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Package {
  readonly engines?: { readonly node?: string };
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = <T>(file: string): T => JSON.parse(readFileSync(`${root}${file}`, 'utf8')) as T;

/** Whether a range of npm's takes a version; of comparators it knows `>=`, `^`, plain numbers and `*`, which is what packages write in `engines`. */
function takes(range: string, version: readonly number[]): boolean {
  return range.split('||').some((alternative) =>
    [...alternative.matchAll(/(>=|\^|)\s*(\*|\d[\d.x]*)/g)].every(([, comparator, text = '']) => {
      const least = text === '*' ? [] : text.split('.').map(Number).filter(Number.isInteger);
      const order = least.map((part, i) => (version[i] ?? 0) - part).find((difference) => difference !== 0) ?? 0;
      return text === '*' || (order >= 0 && (comparator === '>=' || version[0] === least[0]));
    }),
  );
}

it('uses packages that take the oldest Node that it runs on, so that npm has nothing to warn of', () => {
  const oldest = read<Package>('package.json').engines?.node?.replace('>=', '').split('.').map(Number) ?? [];
  expect(takes('^18.19.0 || >=20.6.0', oldest)).toBe(true);
  expect(takes('>=22.12.0', oldest)).toBe(false);
  expect(takes('^22.12.0 || ^24.0.0 || >=26.0.0', oldest)).toBe(false);
  const { packages } = read<{ packages: Record<string, Package> }>('package-lock.json');
  const newer = Object.entries(packages).filter(([, { engines }]) => !takes(engines?.node ?? '*', oldest));
  expect(newer.map(([name, { engines }]) => `${name}: ${engines?.node}`)).toEqual([]);
});
