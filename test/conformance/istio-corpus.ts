/**
 * Imports every Istio configuration below a folder, each file by itself, and counts what became of it:
 * `npx node test/conformance/istio-corpus.ts FOLDER`. Fails where an import does. It takes a checkout of istio/istio.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { importIstio, parseConfig } from '../../src/config/index.ts';

const ISTIO = /^ *-? *kind: *(VirtualService|DestinationRule|Gateway)\b/m;
const [folder = '.'] = process.argv.slice(2);
const counts = { files: 0, httpRoutes: 0, routesMade: 0, leftOut: 0, changed: 0, withoutRoutes: 0, failed: 0 };

for (const file of globSync('**/*.{yaml,yml}', { cwd: folder }).sort()) {
  const text = readFileSync(join(folder, file), 'utf8');
  if (!ISTIO.test(text)) continue;
  counts.files++;
  counts.httpRoutes += httpRoutesIn(text);
  try {
    const { config, differences } = importIstio([{ file, text }], {});
    for (const { kind } of differences) counts[kind === 'changed' ? 'changed' : 'leftOut']++;
    if (config === null) counts.withoutRoutes++;
    else counts.routesMade += parseConfig(stringify(config, { aliasDuplicateObjects: false }), file).routes.length;
  } catch (error) {
    counts.failed++;
    console.error(`${file}: ${(error as Error).message}`);
  }
}
console.log(JSON.stringify(counts));
process.exitCode = counts.failed > 0 || counts.files === 0 ? 1 : 0;

function httpRoutesIn(text: string): number {
  const documents = parseAllDocuments(text, { logLevel: 'error' });
  return [...documents]
    .filter(({ errors }) => errors.length === 0)
    .map((document) => document.toJS() as { kind?: unknown; spec?: { http?: unknown[] } } | null)
    .filter((value) => value?.kind === 'VirtualService')
    .reduce((sum, value) => sum + (value?.spec?.http?.length ?? 0), 0);
}
