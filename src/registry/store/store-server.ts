import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { bearsToken } from '../../bearer-token.ts';
import { addressText, type HostPort } from '../../topology/index.ts';
import {
  RegistryStoreClient,
  TOKEN_HEADER,
  type WireChange,
  type WireCondition,
  type WireList,
  type WireWatchResponse,
} from './registry-proto.ts';
import {
  type Change,
  type Condition,
  commitBytes,
  type Entry,
  type LeaseId,
  type Revision,
  type Store,
  StoreRefused,
  StoreUnavailable,
} from './store.ts';

/** How a store is served. */
export interface StoreServerOptions {
  /** What clients have to show; null: nothing. */
  readonly token: string | null;
  /** PEM; null: cleartext. */
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer } | null;
}

/** A client that does not read loses its watch, not our memory. */
const MOST_UNSENT = 1000;
/** A commit is no larger: as much as a topology of 20,000 shards takes; etcd's own bound is 1.5 MB. */
const LARGEST_COMMIT_BYTES = 8 * 1024 * 1024;
/** A list comes in parts of so many bytes and an entry more. */
const PART_BYTES = 1024 * 1024;
/** A commit, and what it has changed, go with their keys, revisions and framing. */
export const LARGEST_MESSAGE_BYTES = 2 * LARGEST_COMMIT_BYTES;

/** Serves a store to other processes: `keyway.registry.v1`. */
export class StoreServer {
  readonly #store: Store;
  readonly #server = new Server({ 'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES });
  readonly #options: StoreServerOptions;

  constructor(store: Store, options: StoreServerOptions) {
    this.#store = store;
    this.#options = options;
    this.#server.addService(RegistryStoreClient.service, {
      get: this.#unary(async ({ key }: { key: string }) => ({ entry: (await store.get(key)) ?? undefined })),
      list: this.#unary(({ prefix }: { prefix: string }) => store.list(prefix)),
      listInParts: (call: ServerWritableStream<{ prefix: string }, WireList>) => this.#listInParts(call),
      commit: this.#unary(async ({ conditions, changes }: { conditions: WireCondition[]; changes: WireChange[] }) => {
        const wanted = changes.map(changeOf);
        checkSize(wanted);
        return { revision: (await store.commit(conditions.map(conditionOf), wanted)) ?? 0 };
      }),
      grantLease: this.#unary(async ({ lengthMs }: { lengthMs: number }) => ({
        lease: await store.grantLease(lengthMs),
      })),
      renewLease: this.#unary(async ({ lease }: { lease: LeaseId }) => ({ renewed: await store.renewLease(lease) })),
      revokeLease: this.#unary(async ({ lease }: { lease: LeaseId }) => {
        await store.revokeLease(lease);
        return {};
      }),
      watch: (call: ServerWritableStream<{ prefix: string; after: number }, WireWatchResponse>) => this.#watch(call),
    });
  }

  /** @returns the port */
  listen(address: HostPort): Promise<number> {
    const { tls } = this.#options;
    const credentials =
      tls === null
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ cert_chain: tls.certificate, private_key: tls.key }]);
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(addressText(address), credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  /** Ends all calls: clients come back to whoever serves next. */
  close(): void {
    this.#server.forceShutdown();
  }

  #unary<Request, Response>(carryOut: (request: Request) => Promise<Response>): handleUnaryCall<Request, Response> {
    return (call: ServerUnaryCall<Request, Response>, answer) => {
      if (!this.#mayCall(call.metadata)) answer(UNAUTHENTICATED);
      else
        carryOut(call.request).then(
          (response) => answer(null, response),
          (error: unknown) => answer(faultOf(error)),
        );
    };
  }

  #listInParts(call: ServerWritableStream<{ prefix: string }, WireList>): void {
    if (!this.#mayCall(call.metadata)) {
      call.emit('error', UNAUTHENTICATED);
      return;
    }
    this.#store.list(call.request.prefix).then(
      ({ entries, revision }) => {
        for (const part of partsOf(entries)) call.write({ entries: part, revision });
        call.end();
      },
      (error: unknown) => call.emit('error', faultOf(error)),
    );
  }

  #watch(call: ServerWritableStream<{ prefix: string; after: number }, WireWatchResponse>): void {
    if (!this.#mayCall(call.metadata)) {
      call.emit('error', UNAUTHENTICATED);
      return;
    }
    const { prefix, after } = call.request;
    let unsent = 0;
    const stop = this.#store.watch(prefix, after as Revision, {
      // A message without events says that the watch has begun.
      onBegun: () => call.write({ revision: after, events: [] }),
      onChanges: ({ revision, events }) => {
        if (++unsent > MOST_UNSENT) {
          stop();
          call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'the watch is not read' });
          return;
        }
        const message = { revision, events: events.map(({ key, entry }) => ({ key, entry: entry ?? undefined })) };
        call.write(message as WireWatchResponse, () => unsent--);
      },
      onEnded: (reason) => {
        const code = reason.kind === 'compacted' ? status.OUT_OF_RANGE : status.UNAVAILABLE;
        call.emit('error', { code, details: reason.kind === 'compacted' ? 'compacted' : reason.cause.message });
      },
    });
    call.on('cancelled', stop);
    call.on('close', stop);
  }

  #mayCall(metadata: Metadata): boolean {
    const { token } = this.#options;
    return token === null || bearsToken(metadata.get(TOKEN_HEADER)[0]?.toString(), token);
  }
}

/** @throws StoreRefused where a commit is larger than a registry takes */
export function checkSize(changes: readonly Change[]): void {
  const bytes = commitBytes(changes);
  if (bytes > LARGEST_COMMIT_BYTES)
    throw new StoreRefused(`too large for the registry: ${bytes} bytes; it takes at most ${LARGEST_COMMIT_BYTES}`);
}

const UNAUTHENTICATED: Partial<ServiceError> = {
  code: status.UNAUTHENTICATED,
  details: 'the registry wants a token; give its file',
};

function faultOf(error: unknown): Partial<ServiceError> {
  return { code: codeOf(error), details: error instanceof Error ? error.message : String(error) };
}

function codeOf(error: unknown): status {
  if (error instanceof StoreUnavailable) return status.UNAVAILABLE;
  return error instanceof StoreRefused ? status.FAILED_PRECONDITION : status.INTERNAL;
}

/** Parts of about a megabyte, and one where there is nothing: it tells the revision. */
function partsOf(entries: readonly Entry[]): Entry[][] {
  let part: Entry[] = [];
  let bytes = 0;
  const parts = [part];
  for (const entry of entries) {
    if (bytes > PART_BYTES) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(entry);
    bytes += entry.key.length + entry.value.length;
  }
  return parts;
}

function conditionOf({ key, revision, unchanged }: WireCondition): Condition {
  return unchanged == null
    ? { key, revision: revision as Revision | 0 }
    : { prefix: unchanged.prefix, unchangedSince: unchanged.since as Revision };
}

function changeOf({ key, value, lease }: WireChange): Change {
  if (value === undefined) return { key, value: null };
  return lease === '' ? { key, value } : { key, value, lease: lease as LeaseId };
}
