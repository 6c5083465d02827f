/** The reference shard. */
export { DocumentStore, RevisionConflict } from './document-store.ts';
export {
  type DocumentMessage,
  DocumentsClient,
  type ListResponse,
  type RevisionMessage,
  type WatchEvent,
} from './documents-proto.ts';
export { ShardServer, type ShardServerOptions } from './shard-server.ts';
