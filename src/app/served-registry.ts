import { dirname } from 'node:path';
import { registryFile, SqliteStore } from '../registry/index.ts';
import { StoreServer } from '../registry/store/index.ts';
import { listenFault } from '../runtime/foreign-errors.ts';
import { newLog } from '../runtime/log.ts';
import { machineClock } from '../runtime/machine-clock.ts';
import { UsageError } from '../runtime/usage-error.ts';
import { checkKind, FileLock, FileLocked } from '../sqlite/index.ts';
import { DataFile, makeDataFolder } from './data-file.ts';
import { type AccessOptions, AccessReload, readAccess } from './registry-access.ts';

/** A file to be served as a registry. */
export interface ServedRegistryOptions extends AccessOptions {
  readonly data: string;
  /** What people call the setting of the address, where that is not --listen. */
  readonly listenAt?: string;
}

/** A registry that is served by this process. */
export interface ServedRegistry {
  readonly store: SqliteStore;
  readonly port: number;
  readonly access: AccessReload;
  close(): Promise<void>;
}

/**
 * Serves a file as a registry.
 * @param report called, once it is closed, where its file was lost meanwhile
 * @throws UsageError where it would be open to every client, or cannot be served
 */
export async function serveRegistry(
  options: ServedRegistryOptions,
  report: (fault: string) => void,
): Promise<ServedRegistry> {
  const { listen, data } = options;
  const read = readAccess(options);
  makeDataFolder(dirname(data));
  // Before the lock, which is a file beside it.
  checkKind(data, registryFile);
  const lock = lockOf(data);
  const store = new SqliteStore(data, machineClock);
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
      kept.reportIfGone(report);
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
    throw new UsageError(`${data} is served by process ${cause.pid}: stop that process, or give another --data`, {
      cause,
    });
  }
}
