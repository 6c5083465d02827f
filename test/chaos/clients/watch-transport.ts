import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { WebSocket } from 'ws';
import type { WatchEvent } from '../../../src/shard/index.ts';
import { connect, metadataOf } from './grpc-transport.ts';

/** A change of a document, or what it was when the watch began. */
export interface WatchedChange {
  readonly kind: 'SNAPSHOT' | 'PUT' | 'DELETE';
  readonly revision: number;
  readonly value: Uint8Array;
}

export interface WatchListener {
  onChange(change: WatchedChange): void;
  /** It has ended, and why; once. */
  onEnd(reason: string): void;
}

/**
 * Watches a document by a router, with a connection of its own.
 * @param after the revision to resume behind; null: begins with a snapshot
 * @returns what ends it
 */
export type OpenWatch = (endpoint: string, key: string, after: number | null, listener: WatchListener) => () => void;

type ServerStream = (...args: unknown[]) => ClientReadableStream<WatchEvent>;

export const openGrpcWatch: OpenWatch = (endpoint, key, after, listener) => {
  const client = connect(endpoint);
  const request = { key, ...(after === null ? {} : { afterRevision: after }) };
  const call = (client.Watch as ServerStream).call(client, request, metadataOf({ 'x-shard-key': key }));
  const end = once((reason) => {
    client.close();
    listener.onEnd(reason);
  });
  call.on('data', ({ kind, document: { revision, value } }: WatchEvent) =>
    listener.onChange({ kind, revision, value }),
  );
  call.on('error', (error: ServiceError) => end(`${status[error.code]}: ${error.details}`));
  call.on('end', () => end('end'));
  return () => call.cancel();
};

/** Of plain shards: the same by a WebSocket, over HTTP/1.1. */
export const openSocketWatch: OpenWatch = (endpoint, key, after, listener) => {
  const query = after === null ? '' : `?after=${after}`;
  const socket = new WebSocket(`ws://${endpoint}/live${query}`, { headers: { 'x-shard-key': key } });
  const end = once(listener.onEnd);
  socket.on('message', (data) => {
    const { kind, revision, value } = JSON.parse(String(data)) as { kind: 'PUT'; revision: number; value: string };
    listener.onChange({ kind, revision, value: Buffer.from(value, 'latin1') });
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', (code) => end(`closed with ${code}`));
  return () => socket.terminate();
};

function once(tell: (reason: string) => void): (reason: string) => void {
  let isOver = false;
  return (reason) => {
    if (!isOver) tell(reason);
    isOver = true;
  };
}
