import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What readers stumbled over, and what to write instead. Only expressions that are wrong wherever they stand. */
const STUMBLES: ReadonlyArray<readonly [stumble: RegExp, better: string]> = [
  [/\bso long\b/i, 'how long, or as long as'],
  [/\banew\b/i, 'again'],
  [/\bbelongs? into\b/i, 'belong in'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix'],
  [/\bgo(?:es)? on by\b/i, 'continue with'],
  [/\bwho owns what\b/i, 'which shard owns which keys'],
  [/\bthose in the middle\b/i, 'intermediaries'],
  [/\bsick\b/i, 'unhealthy'],
  [/\b(?:is|are|was|were) told of\b/i, 'learns of, or is reported'],
  [/\bwhoever\b/i, 'the shard, router or client that'],
  [/\bkeeps? house\b/i, 'does housekeeping'],
  [/\bin the mean\b(?! square)/i, 'on average'],
  [/\b(?:drain|hold|stage|commit), \d+\. time\b/i, 'drain (attempt 2)'],
];

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...globSync('docs/*.md', { cwd: ROOT }),
];

function stumblesOf(text: string): string[] {
  return STUMBLES.flatMap(([stumble, better]) => {
    const found = stumble.exec(text);
    return found === null ? [] : [`${found[0]}: write ${better}`];
  });
}

/** The quoted texts of a source, without its comments. */
function quotedTexts(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
  return code.match(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g) ?? [];
}

it.each(pages)('%s uses no expression that readers stumbled over', (page) => {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n');
  expect(lines.flatMap((line, at) => stumblesOf(line).map((each) => `${page}:${at + 1}: ${each}`))).toEqual([]);
});

it('is the same for help, errors, log lines and descriptions of fields', () => {
  const files = globSync('src/**/*.{ts,js}', { cwd: ROOT }).filter((file) => !file.endsWith('.spec.ts'));
  expect(files.length).toBeGreaterThan(200);
  const found = files.flatMap((file) =>
    quotedTexts(readFileSync(join(ROOT, file), 'utf8')).flatMap((text) =>
      stumblesOf(text).map((each) => `${file}: ${text}: ${each}`),
    ),
  );
  expect(found).toEqual([]);
});

it('finds an expression in a text, and none in a comment or a longer word', () => {
  const source = "/* made anew */ throw new Error(`it's made anew`); // so long\nconst a = 'amended';";
  expect(quotedTexts(source).flatMap(stumblesOf)).toEqual(['anew: write again']);
});
