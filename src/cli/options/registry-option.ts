import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Registry, type RegistryDescription, registrySchema } from '../../registry/index.ts';
import { splitAddress } from '../../runtime/address.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { parseYaml, readDocument } from '../../yaml/index.ts';
import { withRegistry } from './open-registry.ts';

/** Where `keyway registry` and `keyway dev` serve it when nobody says otherwise. */
export const DEFAULT_REGISTRY = '127.0.0.1:9200';

export interface RegistryFlag {
  readonly registry?: string | undefined;
  readonly insecure?: true;
  readonly tokenFile?: string | undefined;
}

/** Gives a command the option that says which registry it is about. */
export function withRegistryOption(command: Command): Command {
  return command
    .option(
      '--registry <where>',
      `host:port, sqlite:FILE or etcd:HOST:PORT,… (else KEYWAY_REGISTRY, the config in ~/.config/keyway, ${DEFAULT_REGISTRY})`,
    )
    .option(
      '--token-file <file>',
      'the file with the token for it (else KEYWAY_TOKEN_FILE, KEYWAY_TOKEN with the token itself, tokenFile of the config)',
    )
    .option('--insecure', 'send the token to a registry on another machine without TLS');
}

/** Opens the registry that flag, environment or the user's config names, for as long as something is done with it. */
export function inRegistry<Result>(
  flags: RegistryFlag,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  return withRegistry(chosenRegistry(flags), action);
}

/** The registry that a command is about. @throws UsageError where what the command line says is none */
export function chosenRegistry({ registry, insecure, tokenFile }: RegistryFlag): RegistryDescription {
  const text = registry ?? process.env.KEYWAY_REGISTRY;
  const isNamed = text !== undefined && text !== '';
  const found = withToken(
    isNamed ? parseRegistry(text) : (userRegistry() ?? parseRegistry(DEFAULT_REGISTRY)),
    tokenFile,
  );
  if (insecure !== true || 'sqlite' in found) return found;
  return 'remote' in found ? { remote: { ...found.remote, insecure } } : { etcd: { ...found.etcd, insecure } };
}

/** The token of the flag, the environment or else the config. @throws UsageError where a flag is for nobody */
function withToken(found: RegistryDescription, flag: string | undefined): RegistryDescription {
  if (!('remote' in found)) {
    if (flag !== undefined) throw new UsageError('--token-file is for a registry that is served: host:port');
    return found;
  }
  const { KEYWAY_TOKEN_FILE: file = '', KEYWAY_TOKEN: token = '' } = process.env;
  if (flag !== undefined || file !== '') return { remote: { ...found.remote, tokenFile: flag ?? file } };
  return token === '' ? found : { remote: { ...found.remote, token } };
}

function parseRegistry(text: string): RegistryDescription {
  if (text.startsWith('sqlite:')) return { sqlite: { path: text.slice('sqlite:'.length) } };
  const isEtcd = text.startsWith('etcd:');
  const endpoints = (isEtcd ? text.slice('etcd:'.length) : text).split(',');
  for (const endpoint of endpoints) {
    const { host, port } = splitAddress(endpoint);
    if (host === '' || !Number.isInteger(port) || port < 1 || port > 65535 || (!isEtcd && endpoints.length > 1))
      throw new UsageError(
        `"${text.replace(/[^/:]*:[^/]*@/, '…@')}" is no registry; write host:port, sqlite:FILE or etcd:HOST:PORT,HOST:PORT`,
      );
  }
  return isEtcd ? { etcd: { endpoints } } : { remote: { address: text } };
}

const userConfig = z.strictObject({ registry: z.union([z.string().min(1), registrySchema]).optional() });

/** The registry of the user's own config, where tokens and certificates can be named too. */
function userRegistry(): RegistryDescription | null {
  const file = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'keyway', 'config.yaml');
  if (!existsSync(file)) return null;
  const { registry } = parseYaml(readDocument(file), file, userConfig, (value) => value);
  if (registry === undefined) return null;
  return typeof registry === 'string' ? parseRegistry(registry) : (registry as RegistryDescription);
}
