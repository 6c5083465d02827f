import { readFileSync } from 'node:fs';
import { EtcdStore } from './etcd-store.ts';
import { RemoteStore } from './remote-store.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/** Files of certificates, PEM. */
export interface StoreTls {
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
        readonly tls?: StoreTls | undefined;
      };
    }
  | {
      readonly etcd: {
        readonly endpoints: readonly string[];
        readonly user?: string | undefined;
        readonly passwordFile?: string | undefined;
        readonly tls?: StoreTls | undefined;
      };
    };

/** @param clock milliseconds of a monotonic clock. @param timeOfDayMs of the wall's */
export function openStore(registry: RegistryDescription, clock: () => number, timeOfDayMs: () => number): Store {
  if ('sqlite' in registry) return new SqliteStore(registry.sqlite.path, clock);
  if ('remote' in registry) {
    const { address, tokenFile, tls } = registry.remote;
    return new RemoteStore({
      address,
      token: secretOf(tokenFile),
      tls: tls !== undefined,
      authorities: pem(tls?.authorities),
    });
  }
  const { endpoints, user, passwordFile, tls } = registry.etcd;
  const password = secretOf(passwordFile);
  return new EtcdStore({
    endpoints,
    timeOfDayMs,
    user: user === undefined ? undefined : { name: user, password: password ?? '' },
    tls:
      tls === undefined
        ? undefined
        : { authorities: pem(tls.authorities), certificate: pem(tls.certificate), key: pem(tls.key) },
  });
}

/** Where a registry is, for messages: without secrets. */
export function registryText(registry: RegistryDescription): string {
  if ('sqlite' in registry) return `sqlite:${registry.sqlite.path}`;
  return 'remote' in registry ? registry.remote.address : `etcd:${registry.etcd.endpoints.join(',')}`;
}

function secretOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, 'utf8').trim();
}

function pem(file: string | undefined): Buffer | undefined {
  return file === undefined ? undefined : readFileSync(file);
}
