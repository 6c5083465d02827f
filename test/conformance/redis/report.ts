import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countOf, type Outcomes, type Worse } from './outcomes.ts';
import type { TargetName } from './targets.ts';

/** What became of a suite directly and through the router, and the reasons of what is worse; null: none is known. */
export interface Compared {
  readonly suite: string;
  readonly target: TargetName;
  readonly direct: Outcomes;
  readonly through: Outcomes;
  readonly worse: ReadonlyArray<Worse & { readonly reason: string | null }>;
}

const DOCS = fileURLToPath(new URL('../../../docs/redis-clients.md', import.meta.url));

/** The last part of a test's name says what it is about. */
function shortName(test: string): string {
  return test.replace(/^.*\[It\] /, '').replace(/^tests\.(?:.*\.)?(?=\w+(?:\[|$))/, '');
}

/** The tables: each suite in each mode, and the tests that each reason explains. */
export function tables(compared: readonly Compared[]): string {
  const rows = compared.map(({ suite, target, direct, through, worse }) => {
    const cells = [suite, target, countOf(direct, 'passed'), countOf(through, 'passed'), worse.length];
    return `| ${cells.join(' | ')} |`;
  });
  const reasons = new Map<string, Set<string>>();
  for (const { test, reason } of compared.flatMap(({ worse }) => worse)) {
    const why = reason ?? 'For no reason that is known.';
    reasons.set(why, (reasons.get(why) ?? new Set()).add(shortName(test)));
  }
  const explained = [...reasons]
    .sort(([, a], [, b]) => b.size - a.size)
    .map(
      ([why, tests]) =>
        `**${why}** (${tests.size})\n\n${[...tests]
          .sort()
          .map((test) => `\`${test}\``)
          .join(', ')}`,
    );
  return [
    '| client | mode, before | pass directly | pass through Keyway | pass directly only |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Reasons',
    '',
    explained.join('\n\n'),
  ].join('\n');
}

/** Writes them into the docs, between their marks. */
export function writeDocs(compared: readonly Compared[]): void {
  const text = readFileSync(DOCS, 'utf8');
  const marked = /(<!-- suites -->\n)[\s\S]*?(<!-- \/suites -->)/;
  writeFileSync(
    DOCS,
    text.replace(marked, (_, begin: string, end: string) => `${begin}${tables(compared)}\n${end}`),
  );
}
