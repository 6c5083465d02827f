import { once } from 'node:events';
import { Command } from 'commander';
import { loadConfig } from '../../config/index.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import {
  type ClusterDescription,
  ClusterTable,
  type Explanation,
  explainKey,
  shareCluster,
} from '../../topology/index.ts';
import { describedClusters } from '../options/described-clusters.ts';
import { type ClusterFlags, currentTopology, withClusterOptions } from '../options/named-cluster.ts';
import { inRegistry } from '../options/registry-option.ts';
import { writeOut } from '../output/terminal.ts';

/** Output is written in pieces of about this size: a million keys make few system calls and little memory. */
const PIECE_CHARACTERS = 65536;

export function explainCommand(): Command {
  const command = new Command('explain')
    .description('say which shard owns a key')
    .argument('<key...>', 'keys; "-" reads them from standard input, one per line')
    .option('--config <file>', 'use the clusters of this config instead of those of the registry')
    .option('--redis', 'the arguments are one command of Redis: say what becomes of it, and which shards own its keys')
    .option('--json', 'print one JSON object per line');
  return withClusterOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  keyway explain demo/hello\n  keyway explain --config keyway.yaml demo/hello\n  keyway explain --config keyway.yaml --json - < keys.txt\n  keyway explain --redis mget a b',
    )
    .action(async (keys: string[], options: ClusterFlags & { config?: string; redis?: true; json?: true }) => {
      const description = await describedCluster(options);
      const cluster = new ClusterTable(shareCluster(description, null));
      if (options.redis === true) {
        writeOut(await explainedCommand(cluster, keys, options.json === true));
        return;
      }
      const output = new Pieces(options.json === true ? JSON.stringify : tabbed);
      for (const key of keys) {
        if (key === '-') for await (const line of lines(process.stdin)) await output.add(explainKey(cluster, line));
        else await output.add(explainKey(cluster, key));
      }
      await output.end();
    });
}

async function describedCluster(flags: ClusterFlags & { config?: string }): Promise<ClusterDescription> {
  if (flags.config !== undefined) return chosen(await describedClusters(loadConfig(flags.config)), flags.cluster);
  return inRegistry(flags, (registry) => currentTopology(registry, flags));
}

function chosen(clusters: readonly ClusterDescription[], name: string | undefined): ClusterDescription {
  const names = clusters.map((cluster) => cluster.name).join(', ');
  const [first, second] = clusters;
  if (name === undefined) {
    if (first !== undefined && second === undefined) return first;
    throw new UsageError(`the config has several clusters; choose one with --cluster: ${names}`);
  }
  const found = clusters.find((cluster) => cluster.name === name);
  if (found === undefined) throw new UsageError(`there is no cluster ${name}; there are: ${names}`);
  return found;
}

/** What becomes of a command of Redis, and the owners of its keys. @throws UsageError where there is no such command */
async function explainedCommand(cluster: ClusterTable, words: readonly string[], isJson: boolean): Promise<string> {
  const { explainRedisCommand } = await import('../../proxy/index.ts');
  const explained = await explainRedisCommand(words);
  if (explained === null) throw new UsageError(`Keyway does not know the Redis command ${words[0]}`);
  const { command } = explained;
  const keys = explained.keys.map((key) => explainKey(cluster, key));
  const isOverShards = new Set(keys.map(({ shard }) => shard)).size > 1;
  const becomes =
    explained.needsOneShard && isOverShards
      ? 'refused with CROSSSLOT: its keys are on several shards'
      : explained.becomes;
  if (isJson) return `${JSON.stringify({ command, becomes, keys })}\n`;
  return [`${command.replace('|', ' ')}\t${becomes}`, ...keys.map(tabbed), ''].join('\n');
}

function tabbed({ key, hash, shard, address }: Explanation): string {
  return `${key}\t${hash}\t${shard}\t${address}`;
}

/** The lines of a stream of bytes; those that are empty are left out. */
async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') yield part;
  }
  if (rest !== '') yield rest;
}

class Pieces {
  readonly #format: (explanation: Explanation) => string;
  #piece = '';

  constructor(format: (explanation: Explanation) => string) {
    this.#format = format;
  }

  async add(explanation: Explanation): Promise<void> {
    this.#piece += `${this.#format(explanation)}\n`;
    if (this.#piece.length >= PIECE_CHARACTERS) await this.end();
  }

  async end(): Promise<void> {
    const piece = this.#piece;
    this.#piece = '';
    if (!writeOut(piece)) await once(process.stdout, 'drain');
  }
}
