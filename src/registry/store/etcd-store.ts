import { rootCertificates } from 'node:tls';
import type { Etcd3, IOptions } from 'etcd3';
import type { ICompare, IRangeRequest, IRangeResponse, IRequestOp } from 'etcd3/lib/rpc.js';
import { DIRECT_CHANNEL } from '../../runtime/direct-channel.ts';
import { lazyPackage } from '../../runtime/lazy-package.ts';
import { type Pause, pausesBy } from '../../runtime/pause.ts';
import { bytesOf, endOf, entryOf } from './etcd-keys.ts';
import { PageSize } from './etcd-pages.ts';
import { EtcdWatch } from './etcd-watch.ts';
import {
  type Change,
  type Condition,
  commitBytes,
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

const cockatiel = lazyPackage<typeof import('cockatiel')>('cockatiel');
const etcd3 = lazyPackage<typeof import('etcd3')>('etcd3');

/** Where etcd is, and what it wants to be shown. */
export interface EtcdStoreOptions {
  /** `host:port` of each member. */
  readonly endpoints: readonly string[];
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  /** PEM; without it: cleartext. Without authorities those of Node. A certificate is shown to members that want one. */
  readonly tls?:
    | {
        readonly authorities?: Buffer | undefined;
        readonly certificate?: Buffer | undefined;
        readonly key?: Buffer | undefined;
        readonly serverName?: string | undefined;
      }
    | undefined;
  /** Milliseconds of the time of day, by which gRPC counts deadlines. */
  readonly timeOfDayMs: () => number;
  /** Between 0 and 1; spreads what is asked again. */
  readonly random: () => number;
}

/** A member that takes longer will not answer: an election takes a second or two. */
const CALL_TIMEOUT_MS = 3000;
/** A member that failed twice in a row is left out for a while, where there are others. */
const FAILURES_UNTIL_LEFT_OUT = 2;
const LEFT_OUT_MS = 1000;
/** How often all members are asked, and how long is waited between: an election is over within a second or two. */
const MAX_ROUNDS = 5;
const ROUND_PAUSE_MS = 300;
/** Pages and fragments stay near a megabyte; the largest that etcd may send is a page of entries as large as it takes them. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;
/**
 * etcd takes 128 operations in a transaction (`--max-txn-ops`), and of a nested one so many less as the outer one has: by
 * groups of this size one transaction carries 4,096 changes.
 */
const MAX_OPERATIONS = 64;
const MAX_CHANGES = MAX_OPERATIONS * MAX_OPERATIONS;
/** Of a request; `--max-request-bytes` of etcd, as it is by default. */
const DEFAULT_REQUEST_BYTES = 1.5 * 1024 * 1024;
/** etcd ends connections that ask more often than every 5 s (`--grpc-keepalive-min-time`). */
const KEEPALIVE_MS = 6000;
const KEEPALIVE_TIMEOUT_MS = 3000;

/** etcd, version 3.4 or later. */
export class EtcdStore implements Store {
  readonly #closed = new AbortController();
  readonly #client: Etcd3;
  readonly #label: string;
  readonly #members: number;
  readonly #pause: Pause;

  constructor({ endpoints, user, tls, timeOfDayMs, random }: EtcdStoreOptions) {
    this.#pause = pausesBy(random);
    const { ConsecutiveBreaker, circuitBreaker, handleWhen, noop } = cockatiel();
    const { Etcd3, isRecoverableError } = etcd3();
    const options: IOptions = {
      hosts: endpoints.map((endpoint) => `${tls === undefined ? 'http' : 'https'}://${endpoint}`),
      defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: timeOfDayMs() + CALL_TIMEOUT_MS }),
      grpcOptions: {
        'grpc.max_receive_message_length': LARGEST_ANSWER_BYTES,
        'grpc.keepalive_time_ms': KEEPALIVE_MS,
        'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
        'grpc.use_local_subchannel_pool': 1,
        ...DIRECT_CHANNEL,
        ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
      },
      faultHandling: {
        // What may be repeated is repeated below: a commit that was carried out, and not answered, may not.
        global: noop,
        host: () =>
          endpoints.length === 1
            ? noop
            : circuitBreaker(handleWhen(isRecoverableError), {
                halfOpenAfter: LEFT_OUT_MS,
                breaker: new ConsecutiveBreaker(FAILURES_UNTIL_LEFT_OUT),
              }),
      },
      ...(user === undefined ? {} : { auth: { username: user.name, password: user.password } }),
      ...(tls === undefined
        ? {}
        : {
            credentials: {
              rootCertificate: tls.authorities ?? Buffer.from(rootCertificates.join('\n')),
              ...(tls.key === undefined ? {} : { privateKey: tls.key }),
              ...(tls.certificate === undefined ? {} : { certChain: tls.certificate }),
            },
          }),
    };
    this.#client = new Etcd3(options);
    this.#label = `etcd ${endpoints.join(', ')}`;
    this.#members = endpoints.length;
  }

  async get(key: string): Promise<Entry | null> {
    const { kvs } = await this.#anyMember(() => this.#client.kv.range({ key: bytesOf(key) }));
    return kvs[0] === undefined ? null : entryOf(kvs[0]);
  }

  async list(prefix: string): Promise<{ entries: readonly Entry[]; revision: Revision }> {
    for (;;) {
      const listed = await this.#pages(prefix);
      // A compaction came between two pages, and what the first one was the state of is gone.
      if (listed !== null) return listed;
    }
  }

  /** Page by page, all of one revision. @returns null where that is not kept any more */
  async #pages(prefix: string): Promise<{ entries: Entry[]; revision: Revision } | null> {
    const entries: Entry[] = [];
    const size = new PageSize();
    let key = bytesOf(prefix);
    let revision: string | null = null;
    for (;;) {
      const request: IRangeRequest = {
        key,
        range_end: endOf(prefix),
        limit: String(size.entries),
        revision: revision ?? '0',
      };
      const page: IRangeResponse | null = await this.#anyMember(() => this.#client.kv.range(request)).catch(
        (error: Error) => {
          if (revision !== null && isCompacted(error.cause)) return null;
          throw error;
        },
      );
      if (page === null) return null;
      revision ??= page.header.revision;
      const found = page.kvs.map(entryOf);
      for (const entry of found) entries.push(entry);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { entries, revision: Number(revision) as Revision };
      size.onPage(found);
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[]): Promise<Revision | null> {
    if (conditions.length > MAX_OPERATIONS)
      throw new StoreRefused(`etcd takes at most ${MAX_OPERATIONS} conditions in a commit, not ${conditions.length}`);
    if (changes.length > MAX_CHANGES)
      throw new StoreRefused(`etcd takes at most ${MAX_CHANGES} changes in a commit, not ${changes.length}`);
    const transaction = { compare: conditions.map(compareOf), success: grouped(changes.map(operationOf)) };
    try {
      const { succeeded, header } = await this.#once(() => this.#client.kv.txn(transaction));
      return succeeded ? (Number(header.revision) as Revision) : null;
    } catch (error) {
      if (isTooLarge((error as Error).cause)) throw tooLarge(changes, error);
      throw error;
    }
  }

  watch(prefix: string, after: Revision, watcher: Watcher): () => void {
    const watch = new EtcdWatch(watcher, (cause) => new StoreUnavailable(this.#label, cause));
    this.#client.watchClient.watch().then(
      (stream) =>
        watch.begin(stream, {
          key: bytesOf(prefix),
          range_end: endOf(prefix),
          start_revision: after + 1,
          fragment: true,
        }),
      (cause: Error) => watch.lost(cause),
    );
    return () => watch.stop();
  }

  async recall(seen: Entry | null): Promise<Recalled> {
    const key = bytesOf(seen?.key ?? '');
    const now = await this.#anyMember(() => this.#client.kv.range({ key }));
    const copy = now.header.cluster_id;
    if (seen === null) return { copy, isKept: null };
    if (Number(now.header.revision) < seen.revision) return { copy, isKept: false };
    const then = await this.#anyMember(() => this.#client.kv.range({ key, revision: String(seen.revision) })).catch(
      (error: Error) => {
        if (isCompacted(error.cause)) return null;
        throw error;
      },
    );
    if (then === null) return { copy, isKept: null };
    const [entry] = then.kvs.map(entryOf);
    return { copy, isKept: entry?.revision === seen.revision && entry.value === seen.value };
  }

  async grantLease(lengthMs: number): Promise<LeaseId> {
    // Whole seconds, and never less than was asked for: its holder counts by the length that it asked for.
    const TTL = Math.ceil(lengthMs / 1000);
    return (await this.#anyMember(() => this.#client.leaseClient.leaseGrant({ TTL: String(TTL) }))).ID as LeaseId;
  }

  renewLease(lease: LeaseId): Promise<boolean> {
    return this.#anyMember(async () => {
      const stream = await this.#client.leaseClient.leaseKeepAlive();
      return new Promise<boolean>((resolve, reject) => {
        const timeout = setTimeout(() => stream.cancel(), CALL_TIMEOUT_MS);
        stream.on('data', ({ TTL }) => {
          clearTimeout(timeout);
          resolve(Number(TTL) > 0);
          stream.end();
        });
        stream.on('error', (error) => {
          clearTimeout(timeout);
          reject(error);
        });
        stream.write({ ID: lease });
      });
    });
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    try {
      await this.#anyMember(() => this.#client.leaseClient.leaseRevoke({ ID: lease }));
    } catch (error) {
      // It has ended by itself.
      const { cause } = error as Error;
      if (!(cause instanceof etcd3().EtcdLeaseInvalidError) && !String(cause).includes('lease not found')) throw error;
    }
  }

  /** Forgets the changes up to now, as an operator's schedule does: for tests. */
  async compact(): Promise<void> {
    const { revision } = await this.list('');
    await this.#client.kv.compact({ revision: String(revision), physical: true });
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  async close(): Promise<void> {
    if (this.closed.aborted) return;
    this.#closed.abort();
    this.#client.close();
  }

  /** For what may be repeated: members are asked in turn until one answers, for as long as electing a leader takes. */
  async #anyMember<Result>(call: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call);
      } catch (error) {
        if (attempt >= this.#members * MAX_ROUNDS || !mayPass(error)) throw error;
        if (attempt % this.#members === 0) await this.#pause(ROUND_PAUSE_MS, this.closed);
      }
    }
  }

  /** Whatever etcd refuses, such as a password that was changed, may end: it is an outage. */
  async #once<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof etcd3().EtcdPermissionDeniedError) throw new StoreDenied(this.#label, error.message, error);
      throw new StoreUnavailable(this.#label, error);
    }
  }
}

/** Whether another member, or the same one a little later, may answer in another way. */
function mayPass(error: unknown): boolean {
  const cause = error instanceof StoreUnavailable ? error.cause : error;
  if (!(cause instanceof Error)) return false;
  const { GRPCDeadlineExceededError, isRecoverableError } = etcd3();
  const isOver = cause instanceof GRPCDeadlineExceededError || cockatiel().isBrokenCircuitError(cause);
  return isOver || isRecoverableError(cause);
}

/** The library throws the codes away, and knows no class of its own for these. */
function isTooLarge(cause: unknown): boolean {
  return /request is too large|message larger than max/.test(String(cause));
}

function isCompacted(cause: unknown): boolean {
  return String(cause).includes('revision has been compacted');
}

function tooLarge(changes: readonly Change[], cause: unknown): StoreRefused {
  const most = `at most ${DEFAULT_REQUEST_BYTES}, unless it is started with another --max-request-bytes`;
  return new StoreRefused(`too large for etcd: ${commitBytes(changes)} bytes; it takes ${most}`, { cause });
}

function compareOf(condition: Condition): ICompare {
  if (!('prefix' in condition)) {
    const { key, revision } = condition;
    return { key: bytesOf(key), target: 'Mod', result: 'Equal', mod_revision: String(revision) };
  }
  const { prefix, unchangedSince } = condition;
  const range = { key: bytesOf(prefix), range_end: endOf(prefix) };
  return { ...range, target: 'Mod', result: 'Less', mod_revision: String(unchangedSince + 1) };
}

function operationOf(change: Change): IRequestOp {
  const key = bytesOf(change.key);
  if (change.value === null) return { request_delete_range: { key } };
  const lease = change.lease === undefined ? {} : { lease: change.lease };
  return { request_put: { key, value: Buffer.from(change.value), ...lease } };
}

/** Few as they are; many in nested transactions, which are carried out with the outer one or not at all. */
function grouped(operations: readonly IRequestOp[]): IRequestOp[] {
  if (operations.length <= MAX_OPERATIONS) return [...operations];
  const groups: IRequestOp[] = [];
  for (let at = 0; at < operations.length; at += MAX_OPERATIONS)
    groups.push({ request_txn: { success: operations.slice(at, at + MAX_OPERATIONS) } });
  return groups;
}
