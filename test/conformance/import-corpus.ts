/**
 * Imports every configuration of Istio's or Envoy's below a folder, each file by itself, and counts what became of it:
 * `npx node test/conformance/import-corpus.ts istio|envoy FOLDER`. Fails where an import does. It takes a checkout of istio/istio, or
 * of envoyproxy/examples.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { type ForeignImport, importEnvoy, importIstio, parseConfig, withoutFiles } from '../../src/config/index.ts';

interface Source {
  /** What a file of it has. */
  readonly pattern: RegExp;
  read(text: string, file: string): ForeignImport;
  routesIn(text: string): number;
}

const SOURCES: Readonly<Record<string, Source>> = {
  istio: {
    pattern: /^ *-? *kind: *(VirtualService|DestinationRule|Gateway)\b/m,
    read: (text, file) => importIstio([{ file, text }], {}),
    routesIn: (text) =>
      documentsIn(text)
        .map((value) => value as { kind?: unknown; spec?: { http?: unknown[] } } | null)
        .filter((value) => value?.kind === 'VirtualService')
        .reduce((sum, value) => sum + (value?.spec?.http?.length ?? 0), 0),
  },
  envoy: {
    pattern: /^static_resources:/m,
    read: (text, file) => importEnvoy(text, file),
    routesIn: (text) => text.match(/^ *-? *match:/gm)?.length ?? 0,
  },
};

const [kind = '', folder = '.'] = process.argv.slice(2);
const source = SOURCES[kind];
if (source === undefined) throw new Error(`which? ${Object.keys(SOURCES).join(', ')}`);
const counts = { files: 0, httpRoutes: 0, routesMade: 0, leftOut: 0, changed: 0, withoutRoutes: 0, failed: 0 };

for (const file of globSync('**/*.{yaml,yml}', { cwd: folder }).sort()) {
  const text = readFileSync(join(folder, file), 'utf8');
  if (!source.pattern.test(text)) continue;
  counts.files++;
  counts.httpRoutes += source.routesIn(text);
  try {
    const { config, differences } = source.read(text, file);
    for (const { kind: what } of differences) counts[what === 'changed' ? 'changed' : 'leftOut']++;
    if (config === null) counts.withoutRoutes++;
    else
      counts.routesMade += parseConfig(
        stringify(withoutFiles(config), { aliasDuplicateObjects: false }),
        file,
      ).routes.length;
  } catch (error) {
    counts.failed++;
    console.error(`${file}: ${(error as Error).message}`);
  }
}
console.log(JSON.stringify(counts));
process.exitCode = counts.failed > 0 || counts.files === 0 ? 1 : 0;

function documentsIn(text: string): unknown[] {
  return [...parseAllDocuments(text, { logLevel: 'error' })]
    .filter(({ errors }) => errors.length === 0)
    .map((document) => document.toJS() as unknown);
}
