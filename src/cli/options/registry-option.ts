import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import {
  type Registry,
  type RegistryDescription,
  registrySchema,
  StoreDenied,
  StoreUnavailable,
} from '../../registry/index.ts';
import { NamedFileFault, secretIn } from '../../runtime/named-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { reachableAddress } from '../../topology/index.ts';
import { checked, parseYaml, readDocument } from '../../yaml/index.ts';
import { checkExists, withRegistry } from './open-registry.ts';

/** Where `keyway registry` and `keyway dev` serve it by default. */
export const DEFAULT_REGISTRY = '127.0.0.1:9200';

const FLAG = '--registry';

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

/**
 * Opens the registry that flag, environment or the user's config names, for as long as something is done with it.
 * @throws UsageError where it does not exist; RegistryAway where it cannot be reached
 */
export function inRegistry<Result>(
  flags: RegistryFlag,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  return inChosen(existingRegistry, flags, action);
}

/** The same for a command that may be the first to use a registry: makes the file if it does not exist. */
export function inRegistryOrNew<Result>(
  flags: RegistryFlag,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  return inChosen(chosenRegistry, flags, action);
}

async function inChosen<Result>(
  choose: typeof chosenRegistry,
  flags: RegistryFlag,
  action: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  try {
    return await withRegistry(choose(flags), action);
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || error instanceof StoreDenied) throw error;
    throw new RegistryAway(error, namedRegistry(flags).by);
  }
}

/** No process answers for a registry. The error says where it was named, which may have been long ago and elsewhere. */
class RegistryAway extends Error {
  constructor(cause: StoreUnavailable, namedBy: string | null) {
    const named = namedBy === null || namedBy === FLAG ? 'Use' : `${namedBy} names it; use`;
    super(`${cause.message}. Is keyway dev or keyway registry running? ${named} ${FLAG} for another registry`, {
      cause,
    });
    this.name = 'RegistryAway';
  }
}

/** The registry that a command is about. @throws UsageError where what the command line says is none */
export function chosenRegistry(flags: RegistryFlag): RegistryDescription {
  const { insecure, tokenFile } = flags;
  const found = withToken(namedRegistry(flags).registry, tokenFile);
  if (insecure !== true || 'sqlite' in found) return found;
  return 'remote' in found ? { remote: { ...found.remote, insecure } } : { etcd: { ...found.etcd, insecure } };
}

/** The same for a command that makes no registry. @throws UsageError also where it does not exist */
export function existingRegistry(flags: RegistryFlag): RegistryDescription {
  const chosen = chosenRegistry(flags);
  checkExists(chosen, namedRegistry(flags).by ?? FLAG);
  return chosen;
}

interface NamedRegistry {
  readonly registry: RegistryDescription;
  /** An option, a variable or a file; null: none is named. */
  readonly by: string | null;
}

function namedRegistry({ registry: text }: RegistryFlag): NamedRegistry {
  if (text !== undefined) return { registry: parseRegistry(text, FLAG), by: FLAG };
  const { KEYWAY_REGISTRY: variable = '' } = process.env;
  if (variable !== '') return { registry: parseRegistry(variable, 'KEYWAY_REGISTRY'), by: 'KEYWAY_REGISTRY' };
  return userRegistry() ?? { registry: parseRegistry(DEFAULT_REGISTRY, FLAG), by: null };
}

/**
 * The token of the flag, the environment or else the config.
 * @throws UsageError where a flag has no use, or a file has none
 */
function withToken(found: RegistryDescription, flag: string | undefined): RegistryDescription {
  if (!('remote' in found)) {
    if (flag !== undefined) throw new UsageError('--token-file is for a registry that is served: host:port');
    return found;
  }
  const { KEYWAY_TOKEN_FILE: file = '', KEYWAY_TOKEN: token = '' } = process.env;
  if (flag !== undefined) return { remote: { ...found.remote, token: tokenIn(flag, '--token-file') } };
  if (file !== '') return { remote: { ...found.remote, token: tokenIn(file, 'KEYWAY_TOKEN_FILE') } };
  return token === '' ? found : { remote: { ...found.remote, token } };
}

function tokenIn(file: string, namedBy: string): string {
  try {
    return secretIn(file);
  } catch (cause) {
    if (!(cause instanceof NamedFileFault)) throw cause;
    throw new UsageError(`${namedBy} ${cause.message}`, { cause });
  }
}

/** @param namedBy an option, a variable or a field of a file */
function parseRegistry(text: string, namedBy: string): RegistryDescription {
  if (/^sqlite:./.test(text)) return { sqlite: { path: text.slice('sqlite:'.length) } };
  const isEtcd = text.startsWith('etcd:');
  const endpoints = (isEtcd ? text.slice('etcd:'.length) : text).split(',');
  for (const endpoint of endpoints) {
    if ('fault' in checked(reachableAddress, endpoint) || (!isEtcd && endpoints.length > 1))
      throw new UsageError(
        `${namedBy}: "${text.replace(/[^/:]*:[^/]*@/, '…@')}" is not a registry; write host:port, sqlite:FILE or etcd:HOST:PORT,HOST:PORT`,
      );
  }
  return isEtcd ? { etcd: { endpoints } } : { remote: { address: text } };
}

const userConfig = z.strictObject({ registry: z.union([z.string().min(1), registrySchema]).optional() });

/** Where a user's settings are; null: nowhere, as for a user of a container whom its system does not know. */
function configFolder(): string | null {
  const { XDG_CONFIG_HOME: folder = '' } = process.env;
  // One that is not absolute is none (XDG Base Directory Specification).
  if (isAbsolute(folder)) return folder;
  try {
    const home = homedir();
    return home === '' ? null : join(home, '.config');
  } catch {
    return null;
  }
}

/** The registry of the user's own config, where tokens and certificates can be named too. */
function userRegistry(): NamedRegistry | null {
  const folder = configFolder();
  const file = join(folder ?? '', 'keyway', 'config.yaml');
  if (folder === null || !existsSync(file)) return null;
  const { registry } = parseYaml(readDocument(file), file, userConfig, (value) => value);
  if (registry === undefined) return null;
  const isText = typeof registry === 'string';
  return {
    registry: isText ? parseRegistry(registry, `${file} registry`) : (registry as RegistryDescription),
    by: file,
  };
}
