import type { ServiceDefinition } from '@grpc/grpc-js';
import { type DocumentMessage, DocumentsClient, type RevisionMessage } from '../../../src/shard/index.ts';

/** gRPC on the wire, for peers that are no client library: what those keep to themselves is what a test wants to do. */
export const DOCUMENTS = DocumentsClient.service as ServiceDefinition;

/** In front of each message: whether it is compressed, or trailers; and its length. */
const HEAD_BYTES = 5;
const TRAILERS = 0x80;

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** The whole messages at the beginning of some bytes, gRPC-Web's trailers apart, and what is left. */
export function unframed(bytes: Buffer): { messages: Buffer[]; trailers: Map<string, string> | null; rest: Buffer } {
  const messages: Buffer[] = [];
  let trailers: Map<string, string> | null = null;
  let at = 0;
  while (bytes.length - at >= HEAD_BYTES) {
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    const content = bytes.subarray(at + HEAD_BYTES, end);
    if (((bytes[at] as number) & TRAILERS) === 0) messages.push(content);
    else trailers = parseTrailers(content.toString());
    at = end;
  }
  return { messages, trailers, rest: bytes.subarray(at) };
}

function parseTrailers(text: string): Map<string, string> {
  return new Map(
    text
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
}

export function requestBytes(operation: 'get' | 'put', key: string, value: Buffer): Buffer {
  const { requestSerialize } = DOCUMENTS[operation === 'get' ? 'Get' : 'Put'] as ServiceDefinition[string];
  return framed(requestSerialize({ key, value }));
}

export function answerOf(operation: 'get' | 'put', message: Buffer): DocumentMessage | RevisionMessage {
  const { responseDeserialize } = DOCUMENTS[operation === 'get' ? 'Get' : 'Put'] as ServiceDefinition[string];
  return responseDeserialize(message);
}

export function pathOf(method: string): string {
  return `/keyway.shard.v1.Documents/${method}`;
}
