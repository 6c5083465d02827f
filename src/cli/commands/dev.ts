import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { makeDataFolder } from '../../app/data-file.ts';
import { type DevCluster, startDevCluster } from '../../app/dev/dev-cluster.ts';
import type { HostPort } from '../../runtime/address.ts';
import { moduleFile } from '../../runtime/module-file.ts';
import { addressOption, integerOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { continueUnread, writeErr, writeFault, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

const MAX_SHARDS = 64;
/** The command's own file, source or built, to start shards with. */
const COMMAND = fileURLToPath(moduleFile('../main', import.meta.url));

interface DevOptions {
  readonly shards: number;
  readonly listen: HostPort;
  readonly admin: HostPort;
  readonly registry: HostPort;
  readonly data: string;
}

export function devCommand(): Command {
  return new Command('dev')
    .description('run a router and reference shards on this machine')
    .option('--shards <number>', 'how many shards', integerOption(1, MAX_SHARDS), 3)
    .addOption(optionWithDefault('--listen <address>', 'the endpoint', addressOption, '127.0.0.1:8080'))
    .addOption(optionWithDefault('--admin <address>', 'health and metrics', addressOption, '127.0.0.1:9901'))
    .addOption(
      optionWithDefault('--registry <address>', 'where the registry is served', addressOption, DEFAULT_REGISTRY),
    )
    .option('--data <folder>', 'where the data is kept', '.keyway')
    .addHelpText('after', '\nExample:\n  keyway dev --shards 5 --listen 127.0.0.1:9000')
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
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
    const cluster = await startDevCluster(
      {
        ...options,
        command: COMMAND,
        settings: { listenAt: '--listen', adminAt: '--admin', registryAt: '--registry' },
        onNews: (news) => writeErr(`${news}\n`),
        onFault: writeFault,
      },
      started,
      stopping.signal,
    );
    writeOut(greeting(cluster));
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
