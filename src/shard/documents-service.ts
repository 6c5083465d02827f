import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type Change, type DocumentStore, RevisionConflict, type StoredDocument } from './document-store.ts';
import type { DocumentWatches } from './document-watches.ts';
import type {
  DeleteRequest,
  DocumentMessage,
  GetRequest,
  ListRequest,
  ListResponse,
  PutRequest,
  RevisionMessage,
  WatchEvent,
  WatchRequest,
} from './documents-proto.ts';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;
/** A watcher that reads this little of what it is sent is ended: it comes back and resumes. */
const MOST_UNREAD_EVENTS = 10_000;

class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

type Unary<Request, Response> = handleUnaryCall<Request, Response>;

/** The service of `protos/keyway/shard/v1/documents.proto`. */
export function documentsService(
  shardId: string,
  store: DocumentStore,
  watches: DocumentWatches,
): UntypedServiceImplementation {
  const metadata = new Metadata();
  metadata.set('x-keyway-shard', shardId);

  const unary = <Request, Response>(answer: (request: Request) => Response): Unary<Request, Response> => {
    return (call, callback) => {
      call.sendMetadata(metadata.clone());
      try {
        callback(null, answer(call.request));
      } catch (error) {
        callback(serviceError(error));
      }
    };
  };

  const watch: handleServerStreamingCall<WatchRequest, WatchEvent> = (call) => {
    call.sendMetadata(metadata.clone());
    try {
      beginWatch(call, store, watches);
    } catch (error) {
      call.destroy(Object.assign(new Error(), serviceError(error)));
    }
  };

  return {
    Get: unary((request: GetRequest): DocumentMessage => {
      const document = store.get(checkedKey(request.key));
      if (document === null) throw new Refusal(status.NOT_FOUND, `there is no document ${request.key}`);
      return message(document);
    }),
    Put: unary((request: PutRequest): RevisionMessage => {
      const document = store.put(checkedKey(request.key), request.value, request.expectedRevision ?? null);
      watches.announce({ kind: 'put', document });
      return { revision: document.revision };
    }),
    Delete: unary((request: DeleteRequest): RevisionMessage => {
      const key = checkedKey(request.key);
      const revision = store.delete(key, request.expectedRevision ?? null);
      if (revision === 0) throw new Refusal(status.NOT_FOUND, `there is no document ${key}`);
      watches.announce({ kind: 'delete', document: { key, value: new Uint8Array(0), revision } });
      return { revision };
    }),
    List: unary((request: ListRequest): ListResponse => {
      const size = request.pageSize === 0 ? DEFAULT_PAGE : request.pageSize;
      if (size < 1 || size > LARGEST_PAGE)
        throw new Refusal(status.INVALID_ARGUMENT, `page_size is ${size}; give 1 to ${LARGEST_PAGE}`);
      // One more than asked for tells whether there is a next page.
      const documents = store.list(request.prefix, request.pageToken, size + 1);
      const page = documents.slice(0, size).map(message);
      return { documents: page, nextPageToken: documents.length > size ? (page.at(-1)?.key ?? '') : '' };
    }),
    Watch: watch,
  };
}

/** Sends the snapshot, or what came after the revision to resume from, and then each change. All of it is one turn: no change falls between. */
function beginWatch(
  call: ServerWritableStream<WatchRequest, WatchEvent>,
  store: DocumentStore,
  watches: DocumentWatches,
): void {
  const key = checkedKey(call.request.key);
  const { afterRevision } = call.request;
  const send = (change: Change): void => {
    call.write({ kind: change.kind === 'put' ? 'PUT' : 'DELETE', document: message(change.document) });
    if (call.writableLength > MOST_UNREAD_EVENTS)
      call.destroy(
        Object.assign(new Error(), { code: status.RESOURCE_EXHAUSTED, details: 'the watch reads too slowly' }),
      );
  };
  if (afterRevision === undefined) {
    const document = store.get(key) ?? { key, value: new Uint8Array(0), revision: 0 };
    call.write({ kind: 'SNAPSHOT', document: message(document) });
  } else for (const change of store.changesAfter(key, afterRevision)) send(change);
  const end = watches.add(key, send);
  call.on('cancelled', end);
  call.on('close', end);
}

function message(document: StoredDocument): DocumentMessage {
  return { key: document.key, value: Buffer.from(document.value), revision: document.revision };
}

/** `project/document`, both not empty. */
function checkedKey(key: string): string {
  if (/^[^/]+\/.+$/s.test(key) && key.length <= 1024) return key;
  throw new Refusal(status.INVALID_ARGUMENT, `"${key.slice(0, 80)}" is no key; write project/document`);
}

function serviceError(error: unknown): { code: status; details: string } {
  if (error instanceof Refusal) return { code: error.code, details: error.message };
  if (error instanceof RevisionConflict) return { code: status.FAILED_PRECONDITION, details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}
