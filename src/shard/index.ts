/** The reference shard. */
export { DocumentStore, RevisionConflict, StaleToken, type WriteToken } from './document-store.ts';
export {
  DOCUMENTS_PROTO,
  type DocumentMessage,
  DocumentsClient,
  type ListResponse,
  type RevisionMessage,
  type WatchEvent,
} from './documents-proto.ts';
export { shardHousekeepingSchema } from './housekeeping/index.ts';
export type { LoggedOperation, LoggedRun } from './operation-log.ts';
export { listenForShard, ShardServer, type ShardServerOptions } from './shard-server.ts';
