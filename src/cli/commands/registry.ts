import { dirname } from 'node:path';
import { Command } from 'commander';
import { type AccessOptions, AccessReload, accessFiles, readAccess } from '../../app/registry-access.ts';
import { SqliteStore } from '../../registry/index.ts';
import { StoreServer } from '../../registry/store/index.ts';
import { addressText, type HostPort } from '../../runtime/address.ts';
import { listenFault } from '../../runtime/foreign-errors.ts';
import { newLog } from '../../runtime/log.ts';
import { makePrivateFolder } from '../../runtime/private-file.ts';
import { UsageError } from '../../runtime/usage-error.ts';
import { FileLock, FileLocked } from '../../sqlite/index.ts';
import { DataFile } from '../data-file.ts';
import { addressOption, optionWithDefault } from '../options/options.ts';
import { DEFAULT_REGISTRY } from '../options/registry-option.ts';
import { serveMetrics } from '../output/housekeeping-output.ts';
import { goOnUnread, writeOut } from '../output/terminal.ts';
import { stopOnSignals } from '../signals.ts';

interface RegistryOptions extends AccessOptions {
  readonly data: string;
  readonly metrics?: HostPort;
  /** What people call the setting of the address, where that is not --listen. */
  readonly listenAt?: string;
}

export function registryCommand(): Command {
  return new Command('registry')
    .description('serve the embedded registry over the network')
    .addOption(optionWithDefault('--listen <address>', 'the address to serve on', addressOption, DEFAULT_REGISTRY))
    .option('--data <file>', 'where topologies are kept', '.keyway/registry.sqlite')
    .option('--token-file <file>', 'a file with the token that clients must present; required unless on loopback')
    .option('--tokens <file>', 'a YAML file with several tokens and their roles, instead of --token-file')
    .option('--certificate <file>', 'PEM file of the certificate; with --key')
    .option('--key <file>', 'PEM file of its key')
    .option('--insecure', 'serve other machines without TLS: anyone who sees the traffic sees the tokens')
    .option('--metrics <address>', 'where to serve metrics of the process, host:port', addressOption)
    .addHelpText(
      'after',
      '\nTokens and certificates are read again when their files change, and at SIGHUP.\n\nExample:\n  keyway registry --listen 127.0.0.1:9200 --data /var/lib/keyway/registry.sqlite',
    )
    .action(async (options: RegistryOptions) => {
      goOnUnread();
      const metrics = await serveMetrics(options.metrics, null);
      const { port, access, close } = await serveRegistry(options);
      const isReread = accessFiles(options).length > 0;
      if (isReread) process.on('SIGHUP', () => access.reload('SIGHUP'));
      stopOnSignals(
        async () => {
          metrics?.close();
          await close();
        },
        isReread ? ['SIGTERM', 'SIGINT'] : undefined,
      );
      writeOut(`registry on ${addressText({ host: options.listen.host, port })}\n`);
    });
}

/** A registry that is served by this process. */
interface ServedRegistry {
  readonly store: SqliteStore;
  readonly port: number;
  readonly access: AccessReload;
  close(): Promise<void>;
}

/** Serves a file as a registry. @throws UsageError where it would be open to everybody, or cannot be */
export async function serveRegistry(options: RegistryOptions): Promise<ServedRegistry> {
  const { listen, data } = options;
  const read = readAccess(options);
  makePrivateFolder(dirname(data));
  const lock = lockOf(data);
  const store = new SqliteStore(data, () => performance.now());
  const kept = new DataFile(data);
  const server = new StoreServer(store, read);
  const access = new AccessReload(options, server, newLog('info'));
  try {
    const port = await server.listen(listen);
    await access.start();
    const close = async (): Promise<void> => {
      access.stop();
      server.close();
      await store.close();
      lock.release();
      kept.tellWhereGone();
    };
    return { store, port, access, close };
  } catch (cause) {
    await store.close();
    lock.release();
    throw new UsageError(listenFault(cause, options.listenAt ?? '--listen'), { cause });
  }
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
