import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['.ci', 'bench', 'deploy', 'docs', 'envoy', 'examples', 'protos', 'src', 'test'];

/** CHANGELOG.md tells of files as they were. */
const documents = [
  ...globSync('docs/*.md', { cwd: ROOT }),
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
];
const folders = new Set(
  readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name),
);
const sources = new Set(
  globSync('{src,test,bench}/**/*.{ts,js}', { cwd: ROOT }).map((file) => file.slice(file.lastIndexOf('/') + 1)),
);

/** What stands in code marks. */
function pathsIn(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** Whether a text is a path that is not there. ARCHITECTURE.md and CONTRIBUTING.md leave `src/` out, and name files by themselves. */
function isMissing(text: string): boolean {
  if (!/^[\w.-]+(\/[\w.@-]+)*\/?$/.test(text)) return false;
  const [first = ''] = text.split('/');
  if (!text.includes('/')) return /^[a-z0-9-]+(\.spec)?\.ts$/.test(text) && !sources.has(text);
  if (FOLDERS.includes(first)) return !existsSync(join(ROOT, text));
  const isOurs = text.endsWith('.ts') || (folders.has(first) && text.endsWith('/'));
  return isOurs && !existsSync(join(ROOT, 'src', text));
}

it.each(documents)('%s names only files and folders that exist', (document) => {
  expect(pathsIn(document).filter(isMissing)).toEqual([]);
});

it('tells a missing path from an existing one, and from what is not a path', () => {
  expect(
    ['src/router/gate/', 'discoverer/index.ts', 'never-written.ts', 'docs/none.md'].filter(isMissing),
  ).toHaveLength(4);
  expect(
    ['src/proxy/core/', 'http2/index.ts', 'rooms.ts', 'docs/config.md', 'GET /reload', 'application/grpc'].filter(
      isMissing,
    ),
  ).toEqual([]);
});
