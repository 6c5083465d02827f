import { isIP } from 'node:net';
import { isLoopback, splitAddress } from '../../runtime/address.ts';
import { namedFile, secretIn } from '../../runtime/named-file.ts';
import { holdsData } from '../../sqlite/index.ts';
import { EtcdStore } from './etcd-store.ts';
import { RemoteStore } from './remote-store.ts';
import { StoreSetUpError } from './set-up-error.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/** Files of certificates, PEM. */
export interface StoreTls {
  /** A name in the certificate that the store shows, where it is reached by address. */
  readonly serverName?: string | undefined;
  readonly authorities?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** Which registry to use. Plain data, as a config has it. */
export type RegistryDescription =
  | { readonly sqlite: { readonly path: string } }
  | {
      readonly remote: {
        readonly address: string;
        readonly tokenFile?: string | undefined;
        /** In place of a file: where a command was given it. */
        readonly token?: string | undefined;
        readonly tls?: StoreTls | undefined;
        /** The token may go off this machine in cleartext. */
        readonly insecure?: boolean | undefined;
      };
    }
  | {
      readonly etcd: {
        readonly endpoints: readonly string[];
        readonly user?: string | undefined;
        readonly passwordFile?: string | undefined;
        readonly tls?: StoreTls | undefined;
        /** The password may go off this machine in cleartext. */
        readonly insecure?: boolean | undefined;
      };
    };

/** What a store has of its surroundings. */
export interface StoreSurroundings {
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** Milliseconds of the time of day. */
  readonly timeOfDayMs: () => number;
  /** Between 0 and 1. */
  readonly random: () => number;
}

/**
 * @throws StoreSetUpError where it cannot be used as it is described
 */
export function openStore(registry: RegistryDescription, { clock, timeOfDayMs, random }: StoreSurroundings): Store {
  if ('sqlite' in registry) return new SqliteStore(registry.sqlite.path, clock);
  if ('remote' in registry) {
    const { address, tokenFile, token = secretOf(tokenFile), tls, insecure } = registry.remote;
    if (token !== undefined) checkSecrecy('token', [address], tls, insecure);
    checkNames([address], tls);
    const authorities = pem(tls?.authorities);
    return new RemoteStore({
      address,
      token,
      tls: tls === undefined ? undefined : { authorities, serverName: tls.serverName },
    });
  }
  const { endpoints, user, passwordFile, tls, insecure } = registry.etcd;
  if (passwordFile !== undefined) checkSecrecy('password', endpoints, tls, insecure);
  // etcd3 asks for a user's token without its options: it would look for the address in the certificate.
  checkNames(endpoints, user === undefined || tls === undefined ? tls : { ...tls, serverName: undefined });
  const password = secretOf(passwordFile);
  return new EtcdStore({
    endpoints,
    timeOfDayMs,
    random,
    user: user === undefined ? undefined : { name: user, password: password ?? '' },
    tls:
      tls === undefined
        ? undefined
        : {
            authorities: pem(tls.authorities),
            certificate: pem(tls.certificate),
            key: pem(tls.key),
            serverName: tls.serverName,
          },
  });
}

/** Whether opening a registry would make a new one. Of those that other processes serve, it never does. */
export function isMadeByOpening(registry: RegistryDescription): boolean {
  return 'sqlite' in registry && !holdsData(registry.sqlite.path);
}

/** Anyone who sees the traffic can read a secret in cleartext. */
function checkSecrecy(
  secret: string,
  endpoints: readonly string[],
  tls: StoreTls | undefined,
  insecure: boolean | undefined,
): void {
  const away = endpoints.find((endpoint) => !isLoopback(splitAddress(endpoint).host));
  if (away !== undefined && tls === undefined && insecure !== true)
    throw new StoreSetUpError(
      `the ${secret} for the registry ${away} would be visible on the network: set tls, or insecure (--insecure)`,
    );
}

/** Node takes no address for the name of a TLS server (RFC 6066, 3), and grpc-js gives it what it connects to. */
function checkNames(endpoints: readonly string[], tls: StoreTls | undefined): void {
  if (tls === undefined || tls.serverName !== undefined) return;
  const address = endpoints.find((endpoint) => isIP(splitAddress(endpoint).host) !== 0);
  if (address !== undefined)
    throw new StoreSetUpError(
      `the registry ${address} is an address, and TLS checks names: write its name, or without a user tls.serverName`,
    );
}

function secretOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : secretIn(file);
}

function pem(file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : namedFile(file);
}
