import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import { plainText } from '../../runtime/foreign-errors.ts';
import { printableLine } from '../../runtime/printable.ts';
import {
  REGISTRY_HEADER,
  RegistryStoreClient,
  TOKEN_HEADER,
  type WireCondition,
  type WireEntry,
  type WireList,
  type WireWatchResponse,
} from './registry-proto.ts';
import {
  type Change,
  type Condition,
  type Entry,
  type LeaseId,
  type Recalled,
  type Revision,
  type Store,
  StoreDenied,
  StoreRefused,
  StoreUnavailable,
  type Watcher,
} from './store.ts';
import { checkSize, LARGEST_MESSAGE_BYTES } from './store-server.ts';

/** Where `keyway registry` serves its store, and what it wants to be shown. */
export interface RemoteStoreOptions {
  readonly address: string;
  readonly token?: string | undefined;
  /** Without it: cleartext. Without authorities (PEM): the system's. */
  readonly tls?: { readonly authorities?: Buffer | undefined; readonly serverName?: string | undefined } | undefined;
}

/** An answer that takes longer will not come: the registry writes to its disk and answers. */
const CALL_TIMEOUT_MS = 5000;
/** A registry whose machine has gone without a word is noticed within this and the time for an answer. */
const KEEPALIVE_MS = 5000;
const KEEPALIVE_TIMEOUT_MS = 3000;
/** How long gRPC waits between attempts to connect, at most: an outage ends for us soon after it ends. */
const MAX_BACKOFF_MS = 1000;

/** Another server's refusals: what is asked of a registry has neither of them, but where the registry says so. */
const OTHERS_REFUSALS: ReadonlySet<status> = new Set([status.UNIMPLEMENTED, status.INVALID_ARGUMENT]);

/** With which `keyway registry` says that it will not do what it was asked. */
const DENIALS: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.RESOURCE_EXHAUSTED,
]);

type Stub = Record<string, (...args: unknown[]) => unknown> & { close(): void };

/** A store that another process serves, by gRPC. */
export class RemoteStore implements Store {
  readonly #closed = new AbortController();
  readonly #address: string;
  readonly #stub: Stub;
  readonly #metadata = new Metadata();

  constructor({ address, token, tls }: RemoteStoreOptions) {
    this.#address = address;
    if (token !== undefined) this.#metadata.set(TOKEN_HEADER, `Bearer ${token}`);
    const channel = tls === undefined ? credentials.createInsecure() : credentials.createSsl(tls.authorities ?? null);
    this.#stub = new RegistryStoreClient(address, channel, {
      'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': MAX_BACKOFF_MS,
      // A channel of its own: what one client does to its connection is no matter of another's.
      'grpc.use_local_subchannel_pool': 1,
      ...DIRECT_CHANNEL,
      ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
    }) as unknown as Stub;
  }

  async get(key: string): Promise<Entry | null> {
    const { entry } = await this.#call<{ entry?: WireEntry }>('get', { key });
    return (entry as Entry | undefined) ?? null;
  }

  async list(prefix: string): Promise<{ entries: readonly Entry[]; revision: Revision }> {
    try {
      return await this.#listInParts(prefix);
    } catch (error) {
      // A registry of an earlier release lists in one message alone.
      if ((error as ServiceError).code === status.UNIMPLEMENTED) return this.#call('list', { prefix });
      throw this.#faultOf(error as Error);
    }
  }

  #listInParts(prefix: string): Promise<{ entries: readonly Entry[]; revision: Revision }> {
    const listInParts = this.#stub.listInParts as (...args: unknown[]) => ClientReadableStream<WireList>;
    const stream = listInParts.call(this.#stub, { prefix }, this.#metadata);
    const entries: WireEntry[] = [];
    let revision = 0;
    return new Promise((resolve, reject) => {
      let timeout = setTimeout(() => stream.cancel(), CALL_TIMEOUT_MS);
      stream.on('data', (part: WireList) => {
        clearTimeout(timeout);
        timeout = setTimeout(() => stream.cancel(), CALL_TIMEOUT_MS);
        for (const entry of part.entries) entries.push(entry);
        revision = part.revision;
      });
      stream.on('error', (error) => {
        clearTimeout(timeout);
        reject(error);
      });
      stream.on('end', () => {
        clearTimeout(timeout);
        resolve({ entries: entries as unknown as Entry[], revision: revision as Revision });
      });
    });
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    checkSize(changes);
    const wire = changes.map((change) => (change.value === null ? { key: change.key } : change));
    const request = { conditions: conditions.map(wireCondition), changes: wire };
    const { revision } = await this.#call<{ revision: number }>('commit', request);
    return revision === 0 ? null : (revision as Revision);
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    const watch = this.#stub.watch as (...args: unknown[]) => ClientReadableStream<WireWatchResponse>;
    const stream = watch.call(this.#stub, { prefix, after }, this.#metadata);
    let ended = false;
    const end = (cause: Error): void => {
      if (ended) return;
      ended = true;
      const compacted = (cause as ServiceError).code === status.OUT_OF_RANGE;
      watcher.onEnded(compacted ? { kind: 'compacted' } : { kind: 'lost', cause: this.#faultOf(cause) });
    };
    stream.on('data', ({ revision, events }: WireWatchResponse) => {
      if (ended) return;
      if (events.length === 0) watcher.onBegun();
      else
        watcher.onChanges({
          revision: revision as Revision,
          events: events.map(({ key, entry }) => ({ key, entry: (entry as Entry | undefined) ?? null })),
        });
    });
    stream.on('error', end);
    stream.on('end', () => end(new Error('the watch has ended')));
    return () => {
      ended = true;
      stream.cancel();
    };
  }

  async recall(seen: Entry | null): Promise<Recalled> {
    const request = seen === null ? {} : { seen };
    try {
      const { copy, isKept } = await this.#ask<{ copy: string; isKept?: boolean }>('recall', request);
      return { copy, isKept: isKept ?? null };
    } catch (error) {
      // A registry of an earlier release does not say.
      if ((error as ServiceError).code === status.UNIMPLEMENTED) return { copy: '', isKept: null };
      throw this.#faultOf(error as Error);
    }
  }

  async grantLease(lengthMs: number): Promise<LeaseId> {
    return (await this.#call<{ lease: LeaseId }>('grantLease', { lengthMs })).lease;
  }

  async renewLease(lease: LeaseId): Promise<boolean> {
    return (await this.#call<{ renewed: boolean }>('renewLease', { lease })).renewed;
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    await this.#call('revokeLease', { lease });
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    if (this.closed.aborted) return;
    this.#closed.abort();
    this.#stub.close();
  }

  async #call<Response>(method: string, request: object): Promise<Response> {
    try {
      return await this.#ask<Response>(method, request);
    } catch (error) {
      throw this.#faultOf(error as Error);
    }
  }

  /** @throws ServiceError as it came */
  #ask<Response>(method: string, request: object): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = (this.#stub[method] as (...args: unknown[]) => ClientUnaryCall).call(
        this.#stub,
        request,
        this.#metadata,
        (error: ServiceError | null, response: Response) => {
          clearTimeout(timeout);
          if (error === null) resolve(response);
          else reject(error);
        },
      );
      const timeout = setTimeout(() => call.cancel(), CALL_TIMEOUT_MS);
    });
  }

  #faultOf(cause: Error): StoreUnavailable | StoreRefused {
    const { code, details, metadata } = cause as Partial<ServiceError>;
    if (code === status.FAILED_PRECONDITION) return new StoreRefused(details ?? cause.message, { cause });
    const said = details ?? cause.message;
    const isRegistry = (metadata?.get(REGISTRY_HEADER) ?? []).length > 0;
    // What has a meaning of its own, gRPC's client says itself: another kind of server answers there.
    if (code === undefined || plainText(said) !== said) return new StoreUnavailable(`at ${this.#address}`, said);
    if (OTHERS_REFUSALS.has(code) && !isRegistry)
      return new StoreUnavailable(
        `at ${this.#address}`,
        new Error(`what answers there is no registry of this release; it says: ${printableLine(said)}`, { cause }),
      );
    return DENIALS.has(code)
      ? new StoreDenied(`at ${this.#address}`, said, cause)
      : new StoreUnavailable(`at ${this.#address}`, said);
  }
}

function wireCondition(condition: Condition): Partial<WireCondition> {
  if (!('prefix' in condition)) return condition;
  return { unchanged: { prefix: condition.prefix, since: condition.unchangedSince } };
}
