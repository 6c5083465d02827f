import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Ownership, Verdict } from '../ownership/index.ts';
import {
  type Change,
  ChangesRemoved,
  type DocumentStore,
  RevisionConflict,
  StaleToken,
  type StoredDocument,
} from './document-store.ts';
import type { DocumentWatches } from './document-watches.ts';
import type {
  DeleteRequest,
  DocumentMessage,
  GetRequest,
  ListRequest,
  ListResponse,
  OpenSessionRequest,
  PutRequest,
  RevisionMessage,
  SessionMessage,
  WatchEvent,
  WatchRequest,
} from './documents-proto.ts';
import type { OperationLog } from './operation-log.ts';
import { type Sessions, TOUCH_EVERY_MS } from './sessions.ts';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;
/** A hundred years. */
const LONGEST_TTL_MS = 100 * 365 * 24 * 3_600_000;
const SESSION = 'x-session';
/** A watcher that reads this little of what it is sent is ended: it comes back and resumes. */
const MAX_UNREAD_EVENTS = 10_000;

class Refusal extends Error {
  readonly code: status;
  /** The version by which another shard has the document; 0: it is not that. */
  readonly staleVersion: number;

  constructor(code: status, message: string, staleVersion = 0) {
    super(message);
    this.code = code;
    this.staleVersion = staleVersion;
  }
}

type Unary<Request, Response> = handleUnaryCall<Request, Response>;
type Call = Pick<ServerUnaryCall<unknown, unknown>, 'metadata'>;

/** What the service works on. */
export interface ServiceParts {
  readonly shard: string;
  readonly store: DocumentStore;
  readonly watches: DocumentWatches;
  readonly ownership: Ownership;
  readonly sessions: Sessions;
  /** Null where no log is wanted. */
  readonly log: OperationLog | null;
}

/** The service of `protos/keyway/shard/v1/documents.proto`. */
export function documentsService(parts: ServiceParts): UntypedServiceImplementation {
  const { shard, store, watches, ownership, sessions } = parts;
  const metadata = new Metadata();
  metadata.set('x-keyway-shard', shard);

  /** A call on one document: admitted, carried out in one turn, and written down. */
  const unary = <Request extends { readonly key: string }, Response extends { revision: number }>(
    operation: 'get' | 'put' | 'delete',
    answer: (request: Request) => Response,
  ): Unary<Request, Response> => {
    const carryOut: Unary<Request, Response> = (call, callback) => {
      try {
        const response = logged(parts, operation, call.request.key, () => answer(call.request));
        call.sendMetadata(metadata.clone());
        callback(null, response);
      } catch (error) {
        callback(serviceError(error, shard));
      }
    };
    return (call, callback) => {
      admitted(parts, call, call.request.key, (refusal) => {
        if (refusal === null) carryOut(call, callback);
        else callback(serviceError(refusal, shard));
      });
    };
  };

  const watch: handleServerStreamingCall<WatchRequest, WatchEvent> = (call) => {
    admitted(parts, call, call.request.key, (refusal) => {
      try {
        if (refusal !== null) throw refusal;
        const key = checkedKey(call.request.key);
        keepWhileOpen(call, sessions);
        call.sendMetadata(metadata.clone());
        beginWatch(call, key, parts);
      } catch (error) {
        call.emit('error', serviceError(error, shard));
      }
    });
  };

  return {
    Get: unary('get', (request: GetRequest): DocumentMessage => {
      const document = store.get(checkedKey(request.key));
      if (!ownership.holds) throw new Refusal(status.UNAVAILABLE, 'the shard has lost its lease');
      if (document === null) throw new Refusal(status.NOT_FOUND, `there is no document ${request.key}`);
      return message(document);
    }),
    Put: unary('put', (request: PutRequest): RevisionMessage => {
      const token = { shard, version: ownership.version };
      const document = store.put(
        checkedKey(request.key),
        request.value,
        request.expectedRevision ?? null,
        token,
        checkedTtl(request),
      );
      watches.announce({ kind: 'put', document });
      return { revision: document.revision };
    }),
    Delete: unary('delete', (request: DeleteRequest): RevisionMessage => {
      const key = checkedKey(request.key);
      const revision = store.delete(key, request.expectedRevision ?? null, { shard, version: ownership.version });
      if (revision === 0) throw new Refusal(status.NOT_FOUND, `there is no document ${key}`);
      watches.announce({ kind: 'delete', document: { key, value: new Uint8Array(0), revision } });
      return { revision };
    }),
    List: (call: ServerUnaryCall<ListRequest, ListResponse>, callback: sendUnaryData<ListResponse>) => {
      try {
        const response = list(store, call.request);
        call.sendMetadata(metadata.clone());
        callback(null, response);
      } catch (error) {
        callback(serviceError(error, shard));
      }
    },
    Watch: watch,
    OpenSession: (
      call: ServerUnaryCall<OpenSessionRequest, SessionMessage>,
      callback: sendUnaryData<SessionMessage>,
    ) => {
      const { project, client } = call.request;
      if (/^[^/]+$/.test(project)) callback(null, { id: sessions.open(project, client) });
      else callback(serviceError(new Refusal(status.INVALID_ARGUMENT, `"${project}" is not a project's name`), shard));
    },
    CloseSession: (call: ServerUnaryCall<SessionMessage, object>, callback: sendUnaryData<object>) => {
      if (sessions.close(call.request.id)) callback(null, {});
      else callback(serviceError(new Refusal(status.NOT_FOUND, 'there is no such session'), shard));
    },
  };
}

/** A page of the store's documents, whichever shard owns them. */
function list(store: DocumentStore, request: ListRequest): ListResponse {
  const size = request.pageSize === 0 ? DEFAULT_PAGE : request.pageSize;
  if (size < 1 || size > LARGEST_PAGE)
    throw new Refusal(status.INVALID_ARGUMENT, `page_size is ${size}; give 1 to ${LARGEST_PAGE}`);
  // One more than asked for shows whether there is a next page.
  const documents = store.list(request.prefix, request.pageToken, size + 1);
  const page = documents.slice(0, size).map(message);
  return { documents: page, nextPageToken: documents.length > size ? (page.at(-1)?.key ?? '') : '' };
}

/** Asks whether a call may be carried out here: by the key that it was routed by. */
function admitted(
  { ownership, sessions }: ServiceParts,
  call: Call,
  key: string,
  onVerdict: (refusal: Refusal | null) => void,
): void {
  const [session] = call.metadata.get(SESSION).map(String);
  if (session !== undefined && !sessions.touch(session, key.slice(0, key.indexOf('/')))) {
    onVerdict(new Refusal(status.UNAUTHENTICATED, 'the session has ended, or is of another project; open one'));
    return;
  }
  const routedBy = routedKeyOf(call) ?? key;
  const [asked] = call.metadata.get('x-keyway-version').map(Number);
  const verdict = ownership.admit(routedBy, asked !== undefined && Number.isInteger(asked) ? asked : null);
  if (verdict instanceof Promise) verdict.then((later) => onVerdict(refusalOf(later, key)));
  else onVerdict(refusalOf(verdict, key));
}

/** The key by which a router has routed a call: as it names it, percent-encoded, or as the client did. */
function routedKeyOf({ metadata }: Call): string | undefined {
  const [named] = metadata.get('x-keyway-key').map(String);
  if (named === undefined) return metadata.get('x-shard-key').map(String)[0];
  const text = named.replaceAll(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** An open watch is a sign of life. */
function keepWhileOpen(call: ServerWritableStream<WatchRequest, WatchEvent>, sessions: Sessions): void {
  const [session] = call.metadata.get(SESSION).map(String);
  if (session === undefined) return;
  const timer = setInterval(() => sessions.touch(session), TOUCH_EVERY_MS);
  const stop = (): void => clearInterval(timer);
  call.on('cancelled', stop);
  call.on('close', stop);
}

function refusalOf(verdict: Verdict, key: string): Refusal | null {
  if (verdict.kind === 'owner') return null;
  if (verdict.kind === 'unknown')
    return new Refusal(status.UNAVAILABLE, `the shard may not serve ${key}: ${verdict.reason}`);
  return stale(key, verdict.version);
}

function stale(key: string, version: number): Refusal {
  return new Refusal(status.FAILED_PRECONDITION, `${key} is another shard's by version ${version}`, version);
}

/** Carries an operation out, and has it written down. */
function logged<Response extends { revision: number }>(
  { log, ownership }: ServiceParts,
  operation: 'get' | 'put' | 'delete',
  key: string,
  carryOut: () => Response,
): Response {
  if (log === null) return carryOut();
  const id = log.begin(operation, key, ownership.version);
  try {
    const response = carryOut();
    log.end(id, true, response.revision);
    return response;
  } catch (error) {
    // That there is no such document is an answer too.
    log.end(id, error instanceof Refusal && error.code === status.NOT_FOUND, 0);
    throw error;
  }
}

/** Sends the snapshot, or what came after the revision to resume from, and then each change. All of it is one turn: no change falls between. */
function beginWatch(
  call: ServerWritableStream<WatchRequest, WatchEvent>,
  key: string,
  { store, watches, ownership, log }: ServiceParts,
): void {
  const { afterRevision } = call.request;
  const id = log?.begin('watch', key, ownership.version) ?? 0;
  let isOpen = true;
  let remove = (): void => {};
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    remove();
    log?.end(id, true, 0);
  };
  /** What was sent before goes out first. */
  const fail = (code: status, details: string, metadata = new Metadata()): void => {
    end();
    call.emit('error', { code, details, metadata });
  };
  const send = (change: Change): void => {
    call.write({ kind: change.kind === 'put' ? 'PUT' : 'DELETE', document: message(change.document) });
    if (call.writableLength > MAX_UNREAD_EVENTS) fail(status.RESOURCE_EXHAUSTED, 'the watch reads too slowly');
  };
  if (afterRevision === undefined) {
    const document = store.get(key) ?? { key, value: new Uint8Array(0), revision: 0 };
    call.write({ kind: 'SNAPSHOT', document: message(document) });
  } else for (const change of store.changesAfter(key, afterRevision)) send(change);
  if (!isOpen) return;
  remove = watches.add(key, {
    onChange: send,
    onLost: () => {
      const verdict = ownership.admit(key, null);
      const metadata = new Metadata();
      if ('kind' in verdict && verdict.kind === 'stale') metadata.set('x-keyway-stale', String(verdict.version));
      fail(status.UNAVAILABLE, `${key} is another shard's now, or may be`, metadata);
    },
  });
  call.on('cancelled', end);
  call.on('close', end);
}

function message(document: StoredDocument): DocumentMessage {
  return { key: document.key, value: Buffer.from(document.value), revision: document.revision };
}

/** `project/document`, both not empty. */
function checkedKey(key: string): string {
  if (/^[^/]+\/.+$/s.test(key) && key.length <= 1024) return key;
  throw new Refusal(status.INVALID_ARGUMENT, `"${key.slice(0, 80)}" is not a key; write project/document`);
}

/** Null: it never expires. */
function checkedTtl({ ttlMs }: PutRequest): number | null {
  if (ttlMs === undefined) return null;
  if (ttlMs >= 1 && ttlMs <= LONGEST_TTL_MS) return ttlMs;
  throw new Refusal(status.INVALID_ARGUMENT, `ttl_ms is ${ttlMs}; give 1 to ${LONGEST_TTL_MS}`);
}

function serviceError(error: unknown, shard: string): { code: status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('x-keyway-shard', shard);
  if (error instanceof StaleToken) return serviceError(stale(error.key, error.version), shard);
  if (error instanceof Refusal) {
    if (error.staleVersion > 0) metadata.set('x-keyway-stale', String(error.staleVersion));
    return { code: error.code, details: error.message, metadata };
  }
  if (error instanceof ChangesRemoved) return { code: status.OUT_OF_RANGE, details: error.message, metadata };
  if (error instanceof RevisionConflict) return { code: status.FAILED_PRECONDITION, details: error.message, metadata };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error), metadata };
}
