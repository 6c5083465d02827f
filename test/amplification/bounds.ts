import type { Cost } from './rig.ts';
import type { Shape } from './shape.ts';

/** A connection with its buffers, header tables and limits. */
const CONNECTION_BYTES = 48 * 1024;
/** A stream with its request, on both sides, the first block of what waits, and a connection of its own to a shard of HTTP/1.1. */
const STREAM_BYTES = 12 * 1024;
/** What waits stands in blocks that are half full at the worst. */
const BYTES_A_BYTE = 3;
/** What collecting garbage leaves, and the code that a shape is the first to use. */
const NOISE_BYTES = 512 * 1024;

/** The most that a shape may have the router keep. */
export function keptBound({ clients }: Shape, cameBytes: number): number {
  const streams = clients.reduce((sum, each) => sum + each.streams, 0);
  return NOISE_BYTES + CONNECTION_BYTES * clients.length + STREAM_BYTES * streams + BYTES_A_BYTE * cameBytes;
}

/** As much more CPU a byte may take than a byte of plain requests. */
const CPU_FACTOR = 10;
/** Connections that begin and end, and the looks at the router. */
const NOISE_US = 20_000;

/** A TCP connection that is made: 0.1 ms once its code is compiled, most of it the kernel's, three times that before. */
const CONNECTION_US = 300;

/** The CPU that a shape may take. @param plainUs what a byte of plain requests takes */
export function cpuBound({ clients }: Shape, cameBytes: number, plainUs: number): number {
  const connections = clients.reduce((sum, { shardConnections = 0 }) => sum + shardConnections, 0);
  return NOISE_US + CONNECTION_US * connections + CPU_FACTOR * plainUs * cameBytes;
}

/** Why a cost is beyond what its bytes allow; null where it is not. */
export function faultOf({ shape, cameBytes, keptBytes, cpuUs }: Cost, plainUs: number): string | null {
  const what = `${shape.kind} (${shape.detail}), ${cameBytes} bytes:`;
  const kept = keptBound(shape, cameBytes);
  if (keptBytes > kept) return `${what} ${keptBytes} bytes kept, ${Math.round(kept)} allowed`;
  const cpu = cpuBound(shape, cameBytes, plainUs);
  if (cpuUs > cpu) return `${what} ${cpuUs} us of CPU, ${Math.round(cpu)} allowed`;
  return null;
}
