import { dirname } from 'node:path';
import { Command } from 'commander';
import { loadParticipants } from '../../config/index.ts';
import { Participants, SqliteStore } from '../../registry/index.ts';
import { StoreServer } from '../../registry/store/index.ts';
import { addressText, type HostPort, isLoopback } from '../../runtime/address.ts';
import { IN_USE, plainText } from '../../runtime/foreign-errors.ts';
import { namedFile, SHORTEST_TOKEN, secretIn } from '../../runtime/named-file.ts';
import { makePrivateFolder } from '../../runtime/private-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { FileLock, FileLocked } from '../../sqlite/index.ts';
import { DataFile } from '../data-file.ts';
import { addressOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

interface RegistryOptions {
  readonly listen: HostPort;
  readonly data: string;
  readonly tokenFile?: string;
  readonly tokens?: string;
  readonly insecure?: true;
  readonly certificate?: string;
  readonly key?: string;
  /** What people call the setting of the address, where that is not --listen. */
  readonly listenAt?: string;
}

export function registryCommand(): Command {
  return new Command('registry')
    .description('serve the embedded registry to routers, shards and people')
    .addOption(optionWithDefault('--listen <address>', 'where others connect', addressOption, DEFAULT_REGISTRY))
    .option('--data <file>', 'where topologies are kept', '.keyway/registry.sqlite')
    .option('--token-file <file>', 'a file with the token that clients have to show; needed off loopback')
    .option('--tokens <file>', 'YAML of several tokens, and what each may do, in place of --token-file')
    .option('--certificate <file>', 'PEM file of the certificate; with --key')
    .option('--key <file>', 'PEM file of its key')
    .option('--insecure', 'off loopback without TLS: whoever sees the traffic sees the tokens')
    .addHelpText(
      'after',
      '\nExample:\n  keyway registry --listen 127.0.0.1:9200 --data /var/lib/keyway/registry.sqlite',
    )
    .action(async (options: RegistryOptions) => {
      const { port, close } = await serveRegistry(options);
      stopOnSignals(close);
      writeOut(`registry on ${addressText({ host: options.listen.host, port })}\n`);
    });
}

/** A registry that is served by this process. */
interface ServedRegistry {
  readonly store: SqliteStore;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a file as a registry. @throws UsageError where it would be open to everybody, or cannot be */
export async function serveRegistry(options: RegistryOptions): Promise<ServedRegistry> {
  const { listen, data, certificate, key, insecure } = options;
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--certificate and --key go together');
  const participants = participantsOf(options);
  if (!isLoopback(listen.host) && certificate === undefined && insecure !== true)
    throw new UsageError('tokens would be seen on their way: give --certificate and --key, or say --insecure');
  makePrivateFolder(dirname(data));
  const lock = lockOf(data);
  const store = new SqliteStore(data, () => performance.now());
  const tls =
    certificate === undefined || key === undefined
      ? null
      : { certificate: namedFile(certificate), key: namedFile(key) };
  const kept = new DataFile(data);
  const server = new StoreServer(store, { participants, tls });
  try {
    const port = await server.listen(listen);
    const close = async (): Promise<void> => {
      server.close();
      await store.close();
      lock.release();
      kept.tellWhereGone();
    };
    return { store, port, close };
  } catch (cause) {
    await store.close();
    lock.release();
    const mend = `: change ${options.listenAt ?? '--listen'}, or stop what uses it`;
    const text = plainText(cause);
    throw new UsageError(text.endsWith(IN_USE) ? `${text}${mend}` : `${addressText(listen)}: ${text}`, { cause });
  }
}

/** Who may do what. @throws UsageError where that is everybody who can reach it */
function participantsOf({ listen, tokenFile, tokens }: RegistryOptions): Participants {
  if (tokens !== undefined && tokenFile !== undefined)
    throw new UsageError('--tokens and --token-file exclude each other: give the one token a line in --tokens');
  if (tokens !== undefined) return loadParticipants(tokens);
  if (tokenFile === undefined) {
    if (isLoopback(listen.host)) return Participants.anybody();
    throw new UsageError(`${listen.host} can be reached from outside: give a --token-file, or listen on 127.0.0.1`);
  }
  return Participants.sharing(secretIn(tokenFile, isLoopback(listen.host) ? 1 : SHORTEST_TOKEN));
}

/** One process serves a file: two would each have clients of their own, and run their leases out of each other's hands. */
function lockOf(data: string): FileLock {
  try {
    return FileLock.take(`${data}.lock`, process.pid);
  } catch (cause) {
    if (!(cause instanceof FileLocked)) throw cause;
    throw new UsageError(`${data} is served by process ${cause.pid}: stop that, or give another --data`, { cause });
  }
}
