import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { makeDataFolder } from '../../app/data-file.ts';
import { type DevCluster, startDevCluster } from '../../app/dev/dev-cluster.ts';
import { type RedisDevCluster, startRedisDevCluster } from '../../app/dev/redis-cluster/redis-dev-cluster.ts';
import type { HostPort } from '../../runtime/address.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { addressOption, integerOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { continueUnread, writeErr, writeFault, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const MAX_SHARDS = 64;
/** The command's own file, source or built, to start shards with. */
const COMMAND = fileURLToPath(moduleFile('../main', import.meta.url));

/** Where clients of Redis look for a server. */
const REDIS_LISTEN = { host: '127.0.0.1', port: 6379 };

/** Options that one kind of cluster has, and the other has not. */
const OF_DOCUMENTS = ['shards', 'registry'] as const;
const OF_REDIS = ['nodes', 'metadata'] as const;

interface DevOptions {
  readonly profile: 'documents' | 'redis-cluster';
  readonly nodes: HostPort;
  readonly metadata: string;
  readonly shards: number;
  readonly listen: HostPort;
  readonly admin: HostPort;
  readonly registry: HostPort;
  readonly data: string;
}

export function devCommand(): Command {
  return new Command('dev')
    .description(
      'run a router and reference shards on this machine; or six redis-servers, and an etcd of three members',
    )
    .addOption(
      new Option('--profile <name>', 'what kind of cluster')
        .choices(['documents', 'redis-cluster'])
        .default('documents'),
    )
    .option('--shards <number>', 'how many shards', integerOption(1, MAX_SHARDS), 3)
    .addOption(optionWithDefault('--listen <address>', 'the endpoint', addressOption, '127.0.0.1:8080'))
    .addOption(optionWithDefault('--admin <address>', 'health and metrics', addressOption, '127.0.0.1:9901'))
    .addOption(
      optionWithDefault('--registry <address>', 'where the registry is served', addressOption, DEFAULT_REGISTRY),
    )
    .addOption(
      optionWithDefault('--nodes <address>', 'of redis-cluster: the first server', addressOption, '127.0.0.2:6379'),
    )
    .option('--metadata <host>', 'of redis-cluster: where etcd listens', '127.0.0.1')
    .option('--data <folder>', 'where the data is kept', '.keyway')
    .addHelpText(
      'after',
      '\nExample:\n  keyway dev --shards 5 --listen 127.0.0.1:9000\n  keyway dev --profile redis-cluster --data .redis-cluster',
    )
    .action(dev);
}

async function dev(options: DevOptions, command: Command): Promise<void> {
  const isGiven = (name: string): boolean => command.getOptionValueSource(name) !== 'default';
  const foreign = (options.profile === 'documents' ? OF_REDIS : OF_DOCUMENTS).find(isGiven);
  if (foreign !== undefined) throw new UsageError(`--${foreign} is not for --profile ${options.profile}`);
  continueUnread();
  makeDataFolder(options.data);
  const started = new AsyncDisposableStack();
  const stopping = new AbortController();
  // From here on, so that a Ctrl-C while it starts leaves no shard behind.
  stopOnSignals(() => {
    stopping.abort();
    return started.disposeAsync();
  });
  try {
    const common = { ...options, command: COMMAND, onNews: (news: string) => writeErr(`${news}\n`) };
    if (options.profile === 'redis-cluster')
      writeOut(
        redisGreeting(
          await startRedisDevCluster(
            {
              ...common,
              listen: isGiven('listen') ? options.listen : REDIS_LISTEN,
              metadataHost: options.metadata,
              settings: { listenAt: '--listen', adminAt: '--admin', nodesAt: '--nodes', metadataAt: '--metadata' },
            },
            started,
            stopping.signal,
          ),
        ),
      );
    else {
      const settings = { listenAt: '--listen', adminAt: '--admin', registryAt: '--registry' };
      writeOut(greeting(await startDevCluster({ ...common, settings, onFault: writeFault }, started, stopping.signal)));
    }
  } catch (error) {
    // The signal ends the process, once what was started has stopped.
    if (stopping.signal.aborted) return;
    await started.disposeAsync();
    throw error;
  }
}

function greeting({ endpoint, admin, registry, file, version, shards }: DevCluster): string {
  const of = registry === DEFAULT_REGISTRY ? '' : ` --registry ${registry}`;
  const at = endpoint === '127.0.0.1:8080' ? '' : ` --endpoint ${endpoint}`;
  return [
    `endpoint  ${endpoint}`,
    `admin     http://${admin}/metrics`,
    `config    ${file}`,
    `registry  ${registry}`,
    `topology  version ${version}`,
    `router    pid ${process.pid}`,
    ...shards.map((shard) => `shard     ${shard.id} ${shard.address}, pid ${shard.pid}`),
    '',
    'try, in another terminal:',
    `  npx keyway kv put${at} demo/hello "good day"`,
    `  npx keyway kv get${at} demo/hello --json`,
    `  npx keyway kv watch${at} demo/hello`,
    `  npx keyway explain --config ${file} demo/hello`,
    `  npx keyway status${of}`,
    `  npx keyway shard weight${of} s0 2`,
    `  npx keyway load ${endpoint} --watch 100 --check`,
    '',
  ].join('\n');
}

function redisGreeting({ endpoint, admin, nodes, metadata, file, programs }: RedisDevCluster): string {
  const [host = '', port = ''] = endpoint.split(/:(?=\d+$)/);
  const redisCli = `  redis-cli -c -h ${host} -p ${port}`;
  return [
    `endpoint  ${endpoint}, and the five ports behind it`,
    `admin     http://${admin}/metrics`,
    `config    ${file}`,
    `servers   ${nodes.join(' ')}`,
    `metadata  etcd ${metadata.join(' ')}`,
    `router    pid ${process.pid}`,
    ...programs.map(({ name, pid }) => `          ${name}, pid ${pid}`),
    '',
    'try, in another terminal:',
    `${redisCli} CLUSTER INFO`,
    `${redisCli} CLUSTER NODES`,
    `${redisCli} CLUSTER METARAFT MEMBERS`,
    `${redisCli} SET hello "good day"`,
    '',
  ].join('\n');
}
