import { globSync, readFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';

/** A file's relative imports: static and dynamic ones, types included, and what is handed on. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+\.(?:ts|js))'/g;

/** What each source imports of ours, by paths below `src/`. Specs are no part of the house: they may look into any room. */
export function readImports(sources: string): Map<string, readonly string[]> {
  const files = globSync('**/*.{ts,js}', { cwd: sources }).filter((file) => !/\.spec\.ts$|\.d\.ts$/.test(file));
  return new Map(
    files.map((file) => {
      const text = readFileSync(posix.join(sources, file), 'utf8');
      return [file, [...new Set([...text.matchAll(IMPORT)].map(([, path = '']) => posix.join(dirname(file), path)))]];
    }),
  );
}

/** Groups of files that import each other in a loop (Tarjan's strongly connected components). */
export function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): void => {
    const at = order.size;
    order.set(file, at);
    lowest.set(file, at);
    open.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!imports.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (open.includes(next)) lowest.set(file, Math.min(lowest.get(file) as number, lowest.get(next) as number));
    }
    if (lowest.get(file) !== at) return;
    const group = open.splice(open.indexOf(file));
    if (group.length > 1 || imports.get(file)?.includes(file)) found.push(group.sort());
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found;
}
