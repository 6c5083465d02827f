import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

/** The file of the service. */
export const DOCUMENTS_PROTO = fileURLToPath(new URL('../../protos/keyway/shard/v1/documents.proto', import.meta.url));

/** Revisions stay far below 2^53, and are numbers here. */
export const documentsPackage: PackageDefinition = loadSync(DOCUMENTS_PROTO, {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

/** The client class of keyway.shard.v1.Documents, and its service definition. */
export const DocumentsClient = (
  loadPackageDefinition(documentsPackage) as unknown as {
    keyway: { shard: { v1: { Documents: ServiceClientConstructor } } };
  }
).keyway.shard.v1.Documents;

// The messages as the loader gives them, with the options above.
export interface DocumentMessage {
  key: string;
  value: Buffer;
  revision: number;
}
export interface GetRequest {
  key: string;
}
export interface PutRequest {
  key: string;
  value: Uint8Array;
  expectedRevision?: number;
  ttlMs?: number;
}
export interface DeleteRequest {
  key: string;
  expectedRevision?: number;
}
export interface RevisionMessage {
  revision: number;
}
export interface ListRequest {
  prefix: string;
  pageSize: number;
  pageToken: string;
}
export interface ListResponse {
  documents: DocumentMessage[];
  nextPageToken: string;
}
export interface WatchRequest {
  key: string;
  afterRevision?: number;
}
export interface WatchEvent {
  kind: 'SNAPSHOT' | 'PUT' | 'DELETE';
  document: DocumentMessage;
}
export interface OpenSessionRequest {
  project: string;
  client: string;
}
export interface SessionMessage {
  id: string;
}
