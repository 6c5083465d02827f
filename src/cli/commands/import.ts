import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import {
  type ForeignImport,
  filesIn,
  importEnvoy,
  importIstio,
  parseConfig,
  type ShardsByHost,
  withoutFiles,
} from '../../config/index.ts';
import { namedFile, writeNamedFile } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { writeErr, writeOut } from '../output/terminal.ts';

interface ImportOptions {
  readonly shards: ShardsByHost;
  readonly output?: string;
}

export function importCommand(): Command {
  const command = new Command('import')
    .description("convert another router's config")
    .addHelpText('after', '\nExample:\n  keyway import istio gateway.yaml > keyway.yaml');
  command.addCommand(istioCommand()).addCommand(envoyCommand());
  return command;
}

function istioCommand(): Command {
  return withOptions(
    new Command('istio')
      .description('convert Gateways, VirtualServices and DestinationRules, and say what cannot be carried over')
      .argument('<file...>', 'YAML, with one or more documents'),
    'the shards of a host, which Istio finds in Kubernetes',
  )
    .addHelpText(
      'after',
      '\nExample:\n  keyway import istio yorkie.yaml --shards yorkie=10.0.0.1:8080,10.0.0.2:8080 --output keyway.yaml',
    )
    .action((files: string[], options: ImportOptions) => {
      const sources = files.map((file) => ({ file, text: read(file) }));
      write(files, importIstio(sources, options.shards), options);
    });
}

function envoyCommand(): Command {
  return withOptions(
    new Command('envoy')
      .description("convert Envoy's static bootstrap, and say what cannot be carried over")
      .argument('<file>', 'YAML or JSON'),
    "a cluster's shards, where the file does not list its endpoints",
  )
    .option(
      '--listener <name>',
      'the listener, by name or address, if listeners have different routes; the first by default',
    )
    .addHelpText('after', '\nExample:\n  keyway import envoy envoy.yaml --output keyway.yaml')
    .action((file: string, options: ImportOptions & { readonly listener?: string }) =>
      write([file], importEnvoy(read(file), file, options), options),
    );
}

function withOptions(command: Command, shards: string): Command {
  return command
    .option('--shards <host=addresses>', shards, addShards, {})
    .option('--output <file>', 'where to write the config; standard output by default');
}

function addShards(text: string, before: ShardsByHost): ShardsByHost {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('write host=address,address, such as yorkie=10.0.0.1:8080.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1).split(',') };
}

function write(files: readonly string[], imported: ForeignImport, { output }: ImportOptions): void {
  const { config, differences, unknownShards } = imported;
  for (const { kind, field, reason } of differences)
    writeErr(`${kind === 'changed' ? 'changed' : 'not carried over'}: ${field}: ${reason}\n`);
  if (config === null) throw new Error(`${files.join(', ')}: there is no route to make a config from`);
  const text = stringify(config, { aliasDuplicateObjects: false });
  if (unknownShards.length > 0) {
    const clusters = Object.keys((config as { clusters: object }).clusters);
    throw new UsageError(`--shards ${unknownShards.join(', ')}: the clusters are ${clusters.join(', ')}`);
  }
  // What is written is right, or the reader hears of it now; but for certificates that only the router's machine has.
  parseConfig(stringify(withoutFiles(config)), output ?? 'keyway.yaml');
  for (const file of filesIn(config).filter((each) => !existsSync(each)))
    writeErr(`not found here: ${file}: it must exist on the machine where the router runs\n`);
  if (output === undefined) writeOut(text);
  else writeNamedFile(output, text);
}

function read(file: string): string {
  return namedFile(file).toString('utf8');
}
