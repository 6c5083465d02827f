import { Command } from 'commander';
import { z } from 'zod';
import { configJsonSchema } from '../../config/index.ts';
import { nodeHousekeepingSchema } from '../../node/housekeeping/index.ts';
import { writeNamedFile } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { shardHousekeepingSchema } from '../../shard/index.ts';
import { topologyJsonSchema } from '../../topology/index.ts';
import { readDocument, type UpgradedDocument, upgradeDocument } from '../../yaml/index.ts';
import { writeErr, writeOut } from '../output/terminal.ts';

interface UpgradeOptions {
  readonly check?: true;
  readonly output?: string;
}

/** In place of a file to write to. */
const STANDARD_OUTPUT = '-';

/** `keyway config`: what is done to files that people write. */
export function configCommand(): Command {
  const command = new Command('config')
    .description('rewrite configs, topologies and task files of earlier releases')
    .addHelpText('after', '\nExample:\n  keyway config upgrade keyway.yaml');
  command
    .command('upgrade')
    .description('write files as this release reads them: windowMs: 5000 becomes window: 5s; comments and layout stay')
    .argument('<file...>', 'configs, topologies and task files, in YAML or JSON; rewritten in place')
    .option('--check', 'change nothing; fail if a file has to be rewritten')
    .option('--output <file>', 'where to write the result of one file instead; - for standard output')
    .addHelpText(
      'after',
      '\nExample:\n  keyway config upgrade keyway.yaml docs.yaml\n  keyway config upgrade keyway.yaml --output - | diff keyway.yaml -',
    )
    .action(upgrade);
  return command;
}

function upgrade(files: string[], { check, output }: UpgradeOptions): void {
  if (output !== undefined && files.length > 1) throw new UsageError('--output takes the result of one file');
  // All are read before one is written: a fault leaves everything as it was.
  const upgraded = files.map((file) => ({ file, ...upgradedFile(file) }));
  for (const { file, text, fields } of upgraded) {
    const print = output === STANDARD_OUTPUT ? writeErr : writeOut;
    for (const { line, before, after } of fields) print(`${file}:${line} ${before} -> ${after}\n`);
    if (fields.length === 0) print(`${file} is up to date\n`);
    if (check) continue;
    if (output === STANDARD_OUTPUT) writeOut(text);
    else if (output !== undefined || fields.length > 0) writeNamedFile(output ?? file, text);
  }
  const outdated = upgraded.filter(({ fields }) => fields.length > 0).map(({ file }) => file);
  if (check && outdated.length > 0) throw new Error(`keyway config upgrade ${outdated.join(' ')} is needed`);
}

/** @throws DocumentError, UsageError where it is none of the files that have schemas */
function upgradedFile(file: string): UpgradedDocument {
  const schemas = [configJsonSchema(), topologyJsonSchema(), ...taskSchemas()];
  const upgraded = upgradeDocument(readDocument(file), file, schemas);
  if (upgraded === null) throw new UsageError(`${file} is not a config, a topology or a task file`);
  return upgraded;
}

function taskSchemas(): object[] {
  return [shardHousekeepingSchema, nodeHousekeepingSchema].map((schema) => z.toJSONSchema(schema, { io: 'input' }));
}
