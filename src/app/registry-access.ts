import { type CertificateFiles, readIdentity, TlsFileError } from '../io/index.ts';
import { loadParticipants, Participants } from '../registry/index.ts';
import type { StoreAccess, StoreServer } from '../registry/store/index.ts';
import { type HostPort, isLoopback } from '../runtime/address.ts';
import { plainText } from '../runtime/foreign-errors.ts';
import type { Log } from '../runtime/log.ts';
import { SHORTEST_TOKEN, secretIn } from '../runtime/named-file.ts';
import { UsageError } from '../runtime/usage-error.ts';
import { ConfigWatch } from './reload/config-watch.ts';

/** Which clients are let in to a registry, by files. */
export interface AccessOptions {
  readonly listen: HostPort;
  readonly tokenFile?: string;
  readonly tokens?: string;
  readonly insecure?: true;
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * Reads all of it, and checks it.
 * @throws UsageError, DocumentError, NamedFileFault where it is not right, or would let any client in
 */
export function readAccess(options: AccessOptions): StoreAccess {
  const { listen, certificate, key, insecure } = options;
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError('--certificate and --key go together');
  const participants = participantsOf(options);
  if (!isLoopback(listen.host) && certificate === undefined && insecure !== true)
    throw new UsageError('tokens would be visible on the network: give --certificate and --key, or say --insecure');
  return { participants, tls: certificate === undefined || key === undefined ? null : tlsOf({ certificate, key }) };
}

function tlsOf(files: CertificateFiles): NonNullable<StoreAccess['tls']> {
  try {
    const { cert, key } = readIdentity(files).options;
    return { certificate: cert, key };
  } catch (cause) {
    if (!(cause instanceof TlsFileError)) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

/**
 * The participants and their roles.
 * @throws UsageError where every client that can reach the registry could do everything
 */
function participantsOf({ listen, tokenFile, tokens }: AccessOptions): Participants {
  if (tokens !== undefined && tokenFile !== undefined)
    throw new UsageError('--tokens and --token-file exclude each other: give the one token a line in --tokens');
  if (tokens !== undefined) return loadParticipants(tokens);
  if (tokenFile !== undefined)
    return Participants.sharing(secretIn(tokenFile, isLoopback(listen.host) ? 1 : SHORTEST_TOKEN));
  if (isLoopback(listen.host)) return Participants.anybody();
  throw new UsageError(`${listen.host} can be reached from outside: give a --token-file, or listen on 127.0.0.1`);
}

/** Has a registry that is served let others in as its files say by now: when it is told to, and when they change. */
export class AccessReload {
  readonly #options: AccessOptions;
  readonly #server: StoreServer;
  readonly #log: Log;
  readonly #watch: ConfigWatch;

  constructor(options: AccessOptions, server: StoreServer, log: Log) {
    this.#options = options;
    this.#server = server;
    this.#log = log;
    this.#watch = new ConfigWatch(
      () => accessFiles(options),
      () => this.reload('a file has changed'),
    );
  }

  /** Looks for changes of the files from now on; those that were made since they were read count. */
  async start(): Promise<void> {
    await this.#watch.taken();
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** All of it, or nothing where something is not right, which is logged. */
  reload(by: string): void {
    try {
      this.#server.admitBy(readAccess(this.#options));
      this.#log.info({ by }, 'tokens and certificates were read again');
    } catch (error) {
      this.#log.error(
        { by, fault: plainText(error) },
        'tokens and certificates stay as they were: the files have a fault',
      );
    }
  }
}

/** The files that are read. */
export function accessFiles({ tokenFile, tokens, certificate, key }: AccessOptions): string[] {
  return [tokenFile, tokens, certificate, key].filter((file) => file !== undefined);
}
