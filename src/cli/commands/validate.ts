import { Command } from 'commander';
import { parse } from 'yaml';
import { parseConfig } from '../../config/index.ts';
import { parseTopology } from '../../topology/index.ts';
import { readDocument } from '../../yaml/index.ts';
import { report } from '../output/report.ts';
import { writeOut } from '../output/terminal.ts';

/** `keyway validate`: whether files are right, before anything uses them. */
export function validateCommand(): Command {
  return new Command('validate')
    .description('say whether configs and topologies are right, and if not, what is wrong where')
    .argument('<file...>', 'YAML or JSON; a topology is told from a config by its shards')
    .addHelpText('after', '\nExample:\n  keyway validate keyway.yaml\n  keyway validate docs.yaml keyway.yaml')
    .action((files: string[]) => {
      for (const file of files) {
        try {
          writeOut(`${file} is ${validated(file)} that is right\n`);
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
    return 'a topology';
  }
  parseConfig(text, file);
  return 'a config';
}

/** Whether a document is a topology, as far as it can be told: what is wrong in it is found where it is checked. */
export function isTopology(text: string): boolean {
  try {
    const document: unknown = parse(text);
    return typeof document === 'object' && document !== null && 'shards' in document && !('clusters' in document);
  } catch {
    return false;
  }
}
