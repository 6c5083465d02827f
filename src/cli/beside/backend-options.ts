import { type Command, Option } from 'commander';
import type { ActiveHealthDescription } from '../../proxy/index.ts';
import { DEFAULT_NAMESPACE } from '../../registry/index.ts';
import type { HostPort } from '../../runtime/address.ts';
import { addressOption, durationOption, nameOption, nodeIdOption, optionWithDefault } from '../options/options.ts';
import type { RegistryFlag } from '../options/registry-option.ts';

const LONGEST_MS = 3_600_000;

/** What the commands have in common that stand beside a backend, and register it. */
export interface BackendFlags extends RegistryFlag {
  readonly namespace: string;
  readonly cluster: string;
  readonly shard: string;
  readonly nodeId?: string;
  readonly lease: number;
  readonly check: number;
  readonly health: 'tcp' | 'grpc' | 'http' | 'none';
  readonly path: string;
  readonly service: string;
  readonly housekeeping?: string;
  readonly metrics?: HostPort;
}

/** Gives a command the options that say which node it registers. @param what how the node is reached */
export function withNodeOptions(command: Command, what: (command: Command) => Command): Command {
  command
    .argument('[command...]', 'a command that is started first and stopped last; its exit code becomes that of keyway')
    .requiredOption('--cluster <name>', 'the cluster', nameOption)
    .requiredOption('--shard <id>', 'the shard that the node belongs to', nameOption);
  return what(command)
    .option('--namespace <name>', 'the namespace of the cluster', nameOption, DEFAULT_NAMESPACE)
    .option('--node-id <id>', '40 letters and digits; derived from cluster and shard by default', nodeIdOption);
}

/** Gives a command the options that say how the backend is looked after. */
export function withBackendOptions(command: Command): Command {
  return command
    .addOption(
      optionWithDefault(
        '--lease <time>',
        'how long it counts as alive without renewing its lease',
        durationOption({ least: 100, most: LONGEST_MS }),
        '10s',
      ),
    )
    .addOption(
      new Option('--health <kind>', 'how its health is checked')
        .choices(['tcp', 'grpc', 'http', 'none'])
        .default('tcp'),
    )
    .option('--path <path>', 'with --health http', '/healthz')
    .option('--service <name>', 'with --health grpc', '')
    .addOption(
      optionWithDefault(
        '--check <time>',
        'how often its health is checked',
        durationOption({ least: 10, most: LONGEST_MS }),
        '2s',
      ),
    )
    .option('--housekeeping <file>', 'a YAML file of tasks to call on the backend when they are due')
    .option(
      '--metrics <address>',
      'where to serve metrics of the process and its housekeeping, host:port',
      addressOption,
    );
}

/** How the backend's health is checked; undefined: it is not. */
export function healthOf({ health, path, service, check: checkMs }: BackendFlags): ActiveHealthDescription | undefined {
  if (health === 'none') return undefined;
  const check = health === 'tcp' ? { tcp: {} } : health === 'grpc' ? { grpc: { service } } : { http: { path } };
  return { check, intervalMs: checkMs, timeoutMs: Math.min(checkMs, 1000), unhealthyAfter: 3, healthyAfter: 1 };
}
