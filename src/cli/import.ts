import { readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { importIstio, parseConfig, type ShardsByHost } from '../config/index.ts';
import { writeErr, writeOut } from './terminal.ts';
import { UsageError } from './usage-error.ts';

interface ImportOptions {
  readonly shards: ShardsByHost;
  readonly output?: string;
}

export function importCommand(): Command {
  const command = new Command('import')
    .description("make a config of another router's")
    .addHelpText('after', '\nExample:\n  keyway import istio gateway.yaml > keyway.yaml');
  command
    .command('istio')
    .description('from Gateways, VirtualServices and DestinationRules; tells what cannot be carried over')
    .argument('<file...>', 'YAML, with one document or several')
    .option('--shards <host=addresses>', "a host's shards, which Istio finds in Kubernetes", addShards, {})
    .option('--output <file>', 'where to write the config; standard output by default')
    .addHelpText(
      'after',
      '\nExample:\n  keyway import istio yorkie.yaml --shards yorkie=10.0.0.1:8080,10.0.0.2:8080 --output keyway.yaml',
    )
    .action(importFiles);
  return command;
}

function addShards(text: string, before: ShardsByHost): ShardsByHost {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('write host=address,address, such as yorkie=10.0.0.1:8080.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1).split(',') };
}

function importFiles(files: string[], { shards, output }: ImportOptions): void {
  const sources = files.map((file) => ({ file, text: read(file) }));
  const { config, differences, unknownShards } = importIstio(sources, shards);
  for (const { kind, field, reason } of differences)
    writeErr(`${kind === 'changed' ? 'changed' : 'not carried over'}: ${field}: ${reason}\n`);
  if (config === null) throw new Error(`${files.join(', ')}: there is no route to make a config of`);
  const text = stringify(config, { aliasDuplicateObjects: false });
  if (unknownShards.length > 0) {
    const clusters = Object.keys((config as { clusters: object }).clusters);
    throw new UsageError(`--shards ${unknownShards.join(', ')}: the clusters are ${clusters.join(', ')}`);
  }
  // What is written is right, or the reader hears of it now.
  parseConfig(text, output ?? 'keyway.yaml');
  if (output === undefined) writeOut(text);
  else writeFileSync(output, text);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}
