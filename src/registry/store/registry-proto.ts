import { fileURLToPath } from 'node:url';
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

// Loaded at start: a file that is missing is noticed before the first call. Revisions stay below 2^53: numbers hold them.
const loaded = loadPackageDefinition(
  loadSync(fileURLToPath(new URL('../../../protos/keyway/registry/v1/registry.proto', import.meta.url)), {
    longs: Number,
    defaults: true,
  }),
);

/** The client of `keyway.registry.v1.RegistryStore`, and its service definition. */
export const RegistryStoreClient = (
  ((loaded.keyway as GrpcObject).registry as GrpcObject).v1 as Record<string, ServiceClientConstructor>
).RegistryStore as ServiceClientConstructor;

// The messages as the loader gives them.
export interface WireEntry {
  readonly key: string;
  readonly value: string;
  readonly created: number;
  readonly revision: number;
}

export interface WireCondition {
  readonly key: string;
  readonly revision: number;
  readonly unchanged?: { readonly prefix: string; readonly since: number } | null;
}

export interface WireList {
  readonly entries: readonly WireEntry[];
  readonly revision: number;
}

export interface WireChange {
  readonly key: string;
  readonly value?: string;
  readonly lease: string;
}

export interface WireWatchResponse {
  readonly events: ReadonlyArray<{ readonly key: string; readonly entry?: WireEntry | null }>;
  readonly revision: number;
}

/** The metadata key under which a client shows its token. */
export const TOKEN_HEADER = 'authorization';

/**
 * The metadata key with which a registry marks its own refusals: other servers refuse with the same statuses. Registries of earlier
 * releases do not mark them.
 */
export const REGISTRY_HEADER = 'x-keyway-registry';
