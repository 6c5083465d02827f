import { type Field, type HeaderBlock, transientField } from '../../../http/index.ts';
import { GrpcStatus } from '../../../rpc/index.ts';

/** A shard that has lost a key answers with this header: the version by which it has lost it. */
const STALE_HEADER = 'x-keyway-stale';

/** Tells a router by which version a key is another shard's. */
export function staleField(version: number): Field {
  return transientField(STALE_HEADER, String(version));
}

/** The version by which a shard has lost a key; 0 where it does not say so. */
export function staleVersion(block: HeaderBlock): number {
  const version = Number(block.get(STALE_HEADER));
  return Number.isInteger(version) && version > 0 ? version : 0;
}

/** Whether a shard may be saying that the router is behind: 421 (RFC 9110, 15.5.20), or a gRPC status and nothing else. */
export function mayBeStale(status: number, endStream: boolean, grpcStatus: Field | null): boolean {
  return status === 421 || (endStream && grpcStatus !== null && grpcStatus.integer !== 0);
}

/** Whether an answer says that the shard could not serve, and nothing more. */
export function isUnavailable(status: number, grpcStatus: Field | null): boolean {
  return status === 502 || status === 503 || status === 504 || grpcStatus?.integer === GrpcStatus.Unavailable;
}
