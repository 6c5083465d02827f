import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { fileBytes, SqliteStore, StoreServer } from '../registry/index.ts';
import { addressText, type HostPort, isLoopback } from '../topology/index.ts';
import { addressOption } from './options.ts';
import { stopOnSignals } from './signals.ts';
import { UsageError } from './usage-error.ts';

interface RegistryOptions {
  readonly listen: HostPort;
  readonly data: string;
  readonly tokenFile?: string;
  readonly certificate?: string;
  readonly key?: string;
}

export function registryCommand(): Command {
  return new Command('registry')
    .description('serve the embedded registry to routers, shards and people')
    .option('--listen <address>', 'where others connect', addressOption, addressOption('127.0.0.1:9200'))
    .option('--data <file>', 'where topologies are kept', '.keyway/registry.sqlite')
    .option('--token-file <file>', 'a file with the token that clients have to show; needed off loopback')
    .option('--certificate <file>', 'PEM file of the certificate; with --key')
    .option('--key <file>', 'PEM file of its key')
    .addHelpText(
      'after',
      '\nExample:\n  keyway registry --listen 127.0.0.1:9200 --data /var/lib/keyway/registry.sqlite',
    )
    .action(async (options: RegistryOptions) => {
      const { server, store, port } = await serveRegistry(options);
      stopOnSignals(async () => {
        server.close();
        await store.close();
      });
      process.stdout.write(`registry on ${addressText({ host: options.listen.host, port })}\n`);
    });
}

/** Serves a file as a registry. @throws UsageError where it would be open to everybody, or cannot be */
export async function serveRegistry({ listen, data, tokenFile, certificate, key }: RegistryOptions): Promise<{
  server: StoreServer;
  store: SqliteStore;
  port: number;
}> {
  if (tokenFile === undefined && !isLoopback(listen.host))
    throw new UsageError(`${listen.host} can be reached from outside: give a --token-file, or listen on 127.0.0.1`);
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--certificate and --key go together');
  const token = tokenFile === undefined ? null : fileBytes(tokenFile).toString('utf8').trim();
  if (token === '') throw new UsageError(`${tokenFile} is empty`);
  mkdirSync(dirname(data), { recursive: true });
  const store = new SqliteStore(data, () => performance.now());
  const tls =
    certificate === undefined || key === undefined
      ? null
      : { certificate: fileBytes(certificate), key: fileBytes(key) };
  const server = new StoreServer(store, { token, tls });
  try {
    return { server, store, port: await server.listen(listen) };
  } catch (cause) {
    await store.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot listen on ${addressText(listen)}: ${why}`, { cause });
  }
}
