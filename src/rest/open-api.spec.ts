import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openApiDocument } from './open-api.ts';
import { BASE, operations } from './operations.ts';

interface Shown {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

const document = openApiDocument() as Shown;

it('is what the docs have; npm run schema writes it', () => {
  const kept = readFileSync(new URL('../../docs/redis-rest.openapi.json', import.meta.url), 'utf8');
  expect(JSON.parse(kept)).toEqual(document);
});

it('has each operation once, and no reference that leads nowhere', () => {
  const shown = Object.values(document.paths).flatMap((each) =>
    Object.values(each).map(({ operationId }) => operationId),
  );
  expect(shown.sort()).toEqual(operations.map(({ id }) => id).sort());
  expect(new Set(shown).size).toBe(operations.length);
  expect(Object.keys(document.paths).every((path) => path.startsWith(BASE))).toBe(true);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
  const missing = references.map(([, id = '']) => id).filter((id) => document.components.schemas[id] === undefined);
  expect(references.length).toBeGreaterThan(operations.length);
  expect(missing).toEqual([]);
});
