import { Command } from 'commander';
import { parse } from 'yaml';
import { parseConfig } from '../../config/index.ts';
import { parseControllerSettings } from '../../controller/index.ts';
import { parseTopology } from '../../topology/index.ts';
import { readDocument } from '../../yaml/index.ts';
import { report } from '../output/report.ts';
import { writeOut } from '../output/terminal.ts';

/** `keyway validate`: whether files are right, before anything uses them. */
export function validateCommand(): Command {
  return new Command('validate')
    .description('check configs of routers and controllers, and topologies, and say where they are wrong')
    .argument(
      '<file...>',
      'YAML or JSON: topologies, which have shards at the top level, configs of controllers, whose clusters have an engine, and configs of routers',
    )
    .addHelpText('after', '\nExample:\n  keyway validate keyway.yaml\n  keyway validate docs.yaml keyway.yaml')
    .action((files: string[]) => {
      for (const file of files) {
        try {
          writeOut(`${file} is ${validated(file)}\n`);
        } catch (error) {
          // The others are looked at all the same.
          process.exitCode = report(error);
        }
      }
    });
}

/** @returns what it is. @throws DocumentError where it is not right */
function validated(file: string): string {
  const text = readDocument(file);
  if (isTopology(text)) {
    parseTopology(text, file);
    return 'a valid topology';
  }
  if (isControllers(text)) {
    parseControllerSettings(text, file);
    return 'a valid config of a controller';
  }
  parseConfig(text, file);
  return 'a valid config';
}

/** Whether a document is a topology, as far as that can be seen: what is wrong in it is found where it is checked. */
export function isTopology(text: string): boolean {
  const document = objectIn(text);
  return document !== null && 'shards' in document && !('clusters' in document);
}

/** Whether a document is the config of a controller: it listens nowhere, and its clusters have engines. */
function isControllers(text: string): boolean {
  const document = objectIn(text);
  if (document === null || 'listen' in document || !('clusters' in document)) return false;
  const clusters: readonly unknown[] = Object.values(document.clusters ?? {});
  return clusters.some((cluster) => typeof cluster === 'object' && cluster !== null && 'engine' in cluster);
}

/** Null where it is none, or cannot be read. */
function objectIn(text: string): object | null {
  try {
    const document: unknown = parse(text);
    return typeof document === 'object' ? document : null;
  } catch {
    return null;
  }
}
