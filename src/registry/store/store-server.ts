import {
  type ConnectionInjector,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { HostPort } from '../../runtime/address.ts';
import { checkBounds, LARGEST_VALUE_BYTES } from '../access/call-bounds.ts';
import { CountByPeer } from '../access/count-by-peer.ts';
import { Denial, type DenialKind } from '../access/denial.ts';
import { type OwnedStore, ParticipantStore } from '../access/participant-store.ts';
import type { Participant, Participants } from '../access/participants.ts';
import { type ConnectionLimits, LimitedListener } from './limited-listener.ts';
import {
  REGISTRY_HEADER,
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

/** Which clients are let in, and how. */
export interface StoreAccess {
  /** The clients, and what each may do. */
  readonly participants: Participants;
  /** PEM; null: cleartext. */
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer } | null;
}

/** How a store is served. */
export interface StoreServerOptions extends StoreAccess {
  /** As many as a thousand routers and their shards have, where it is not given. */
  readonly connections?: ConnectionLimits;
}

/** A client that does not read loses its watch, not our memory: so many changes, or bytes of them, are kept for it. */
const MAX_UNSENT = 1000;
const MAX_UNSENT_BYTES = 4 * LARGEST_VALUE_BYTES;
/** A router has a few watches for each cluster. One connection has as many as a thousand clusters take. */
const MAX_WATCHES_PER_CONNECTION = 4096;
/** Each takes some 20 KB of memory. */
const MAX_WATCHES = 20_000;
/** Each takes a descriptor and about 60 KB of memory. Every participant has one, and a command has another while it runs. */
const MAX_CONNECTIONS: ConnectionLimits = { inAll: 8192, ofAddress: 4096 };
/** A list comes in parts of this many bytes and an entry more. */
const PART_BYTES = 1024 * 1024;
/** A commit, and what it has changed, go with their keys, revisions and framing. */
export const LARGEST_MESSAGE_BYTES = 2 * LARGEST_VALUE_BYTES;
/** A client that has gone without a word is noticed, and its watches end. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;

/** What carries out a call: a request's answer, by the store as the caller has it. */
type Handler<Request, Response> = (store: Store, request: Request) => Promise<Response>;

type WatchCall = ServerWritableStream<{ prefix: string; after: number }, WireWatchResponse>;

/** Serves a store to other processes: `keyway.registry.v1`. */
export class StoreServer {
  readonly #store: OwnedStore;
  readonly #server = new Server({
    'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  });
  readonly #connections: ConnectionLimits;
  #participants: Participants;
  /** What new connections begin by. */
  #injector: ConnectionInjector;
  #listener: LimitedListener | null = null;
  readonly #watchCalls = new Set<WatchCall>();
  readonly #watches = new CountByPeer(MAX_WATCHES_PER_CONNECTION, MAX_WATCHES);

  constructor(store: OwnedStore, options: StoreServerOptions) {
    this.#store = store;
    this.#connections = options.connections ?? MAX_CONNECTIONS;
    this.#participants = options.participants;
    this.#injector = this.#injectorFor(options);
    this.#server.addService(RegistryStoreClient.service, {
      get: this.#unary(async (of, { key }: { key: string }) => ({ entry: (await of.get(key)) ?? undefined })),
      list: this.#unary((of, { prefix }: { prefix: string }) => of.list(prefix)),
      listInParts: (call: ServerWritableStream<{ prefix: string }, WireList>) => this.#listInParts(call),
      commit: this.#unary(
        async (of, { conditions, changes }: { conditions: WireCondition[]; changes: WireChange[] }) => {
          const wanted = changes.map(changeOf);
          checkSize(wanted);
          return { revision: (await of.commit(conditions.map(conditionOf), wanted)) ?? 0 };
        },
      ),
      recall: this.#unary(async (of, { seen }: { seen?: Entry | null }) => {
        const { copy, isKept } = await of.recall(seen ?? null);
        return { copy, ...(isKept === null ? {} : { isKept }) };
      }),
      grantLease: this.#unary(async (of, { lengthMs }: { lengthMs: number }) => ({
        lease: await of.grantLease(lengthMs),
      })),
      renewLease: this.#unary(async (of, { lease }: { lease: LeaseId }) => ({ renewed: await of.renewLease(lease) })),
      revokeLease: this.#unary(async (of, { lease }: { lease: LeaseId }) => {
        await of.revokeLease(lease);
        return {};
      }),
      watch: (call: WatchCall) => this.#watch(call),
    });
  }

  /** @returns the port */
  listen({ host, port }: HostPort): Promise<number> {
    this.#listener = new LimitedListener(this.#connections, (socket) => this.#injector.injectConnection(socket));
    return this.#listener.listen(host, port);
  }

  #injectorFor({ tls }: StoreAccess): ConnectionInjector {
    const credentials =
      tls === null
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ cert_chain: tls.certificate, private_key: tls.key }]);
    return this.#server.createConnectionInjector(credentials);
  }

  /**
   * Uses other tokens from the next call on, and shows another certificate from the next connection on. Watches end
   * whose participants are not known any more.
   */
  admitBy(access: StoreAccess): void {
    this.#participants = access.participants;
    this.#injector = this.#injectorFor(access);
    for (const call of this.#watchCalls)
      if (this.#participantOf(call.metadata) === null) call.emit('error', faultOf(newStranger()));
  }

  /** Ends all calls: clients reconnect to the process that serves next. */
  close(): void {
    this.#server.forceShutdown();
    this.#listener?.close();
  }

  #unary<Request extends object, Response>(carryOut: Handler<Request, Response>): handleUnaryCall<Request, Response> {
    return (call: ServerUnaryCall<Request, Response>, answer) => {
      const answered = async (): Promise<Response> => carryOut(this.#admit(call.metadata, call.request), call.request);
      answered().then(
        (response) => answer(null, response),
        (error: unknown) => answer(faultOf(error)),
      );
    };
  }

  /** The store as the caller has it. @throws Denial where the caller is unknown, or a field is out of bounds */
  #admit(metadata: Metadata, request: object): Store {
    const participant = this.#participantOf(metadata);
    if (participant === null) throw newStranger();
    checkBounds(request);
    return new ParticipantStore(this.#store, participant);
  }

  #participantOf(metadata: Metadata): Participant | null {
    return this.#participants.find(metadata.get(TOKEN_HEADER)[0]?.toString());
  }

  async #listInParts(call: ServerWritableStream<{ prefix: string }, WireList>): Promise<void> {
    try {
      const { entries, revision } = await this.#admit(call.metadata, call.request).list(call.request.prefix);
      for (const part of partsOf(entries)) {
        if (!call.write({ entries: part, revision })) await hasRead(call);
        if (call.cancelled) return;
      }
      call.end();
    } catch (error) {
      call.emit('error', faultOf(error));
    }
  }

  #watch(call: WatchCall): void {
    const peer = call.getPeer();
    let store: Store;
    try {
      store = this.#admit(call.metadata, call.request);
      this.#watches.add(peer);
    } catch (error) {
      call.emit('error', faultOf(error));
      return;
    }
    const stop = this.#followOn(call, store);
    this.#watchCalls.add(call);
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      stop();
      this.#watchCalls.delete(call);
      this.#watches.remove(peer);
    };
    call.on('cancelled', end);
    call.on('close', end);
    call.on('error', end);
    call.on('finish', end);
  }

  /** @returns what ends it */
  #followOn(call: WatchCall, store: Store): () => void {
    const { prefix, after } = call.request;
    let unsent = 0;
    let unsentBytes = 0;
    const stop = store.watch(prefix, after as Revision, {
      // A message without events says that the watch has begun.
      onBegun: () => call.write({ revision: after, events: [] }),
      onChanges: ({ revision, events }) => {
        const bytes = events.reduce((sum, { key, entry }) => sum + key.length + (entry?.value.length ?? 0), 0);
        unsent++;
        unsentBytes += bytes;
        if (unsent > MAX_UNSENT || (unsent > 1 && unsentBytes > MAX_UNSENT_BYTES)) {
          stop();
          call.emit('error', { code: status.UNAVAILABLE, details: 'the watch is not being read' });
          return;
        }
        const message = { revision, events: events.map(({ key, entry }) => ({ key, entry: entry ?? undefined })) };
        call.write(message as WireWatchResponse, () => {
          unsent--;
          unsentBytes -= bytes;
        });
      },
      onEnded: (reason) => {
        const code = reason.kind === 'compacted' ? status.OUT_OF_RANGE : status.UNAVAILABLE;
        call.emit('error', { code, details: reason.kind === 'compacted' ? 'compacted' : reason.cause.message });
      },
    });
    return stop;
  }
}

/** Resolves once a client has read what was written to it, or has gone: so much is kept for it, and no more. */
function hasRead(call: ServerWritableStream<unknown, WireList>): Promise<void> {
  return new Promise((resolve) => {
    const on = (): void => {
      for (const event of ['drain', 'cancelled', 'close']) call.off(event, on);
      resolve();
    };
    for (const event of ['drain', 'cancelled', 'close']) call.on(event, on);
  });
}

/** @throws StoreRefused where a commit is larger than a registry takes */
export function checkSize(changes: readonly Change[]): void {
  const bytes = commitBytes(changes);
  if (bytes > LARGEST_VALUE_BYTES)
    throw new StoreRefused(`too large for the registry: ${bytes} bytes; it takes at most ${LARGEST_VALUE_BYTES}`);
}

function newStranger(): Denial {
  return new Denial('unknown', 'the registry needs a token; give its file');
}

function faultOf(error: unknown): Partial<ServiceError> {
  const metadata = new Metadata();
  metadata.set(REGISTRY_HEADER, 'refuses');
  return { code: codeOf(error), details: error instanceof Error ? error.message : String(error), metadata };
}

const CODES: Readonly<Record<DenialKind, status>> = {
  'out of bounds': status.INVALID_ARGUMENT,
  'no room': status.RESOURCE_EXHAUSTED,
  unknown: status.UNAUTHENTICATED,
  'not allowed': status.PERMISSION_DENIED,
};

function codeOf(error: unknown): status {
  if (error instanceof Denial) return CODES[error.kind];
  if (error instanceof StoreUnavailable) return status.UNAVAILABLE;
  return error instanceof StoreRefused ? status.FAILED_PRECONDITION : status.INTERNAL;
}

/** Parts of about a megabyte; one where there are no entries, because it carries the revision. */
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
