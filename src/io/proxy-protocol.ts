import type { Socket } from 'node:net';

/** Version 2's signature (HAProxy's proxy-protocol.txt, 2.2). */
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const FIXED_BYTES = 16;
/** Addresses and what else a load balancer sends (its TLS's names, its own ids); none sends more. */
const MAX_BYTES = 4096;

const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed'; readonly reason: string }
  /** `client` is null for connections of the load balancer's own, its health checks. */
  | { readonly kind: 'complete'; readonly length: number; readonly client: string | null };

/** Reads a PROXY protocol header of version 2 at the beginning of `bytes`. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, SIGNATURE.length);
  if (!bytes.subarray(0, known).equals(SIGNATURE.subarray(0, known)))
    return { kind: 'malformed', reason: 'no PROXY protocol version 2' };
  if (bytes.length < FIXED_BYTES) return { kind: 'more' };
  const command = bytes[12] as number;
  const family = bytes[13] as number;
  const length = FIXED_BYTES + bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return { kind: 'malformed', reason: 'an unknown command' };
  if (length > MAX_BYTES) return { kind: 'malformed', reason: `${length} bytes` };
  if (bytes.length < length) return { kind: 'more' };
  if (command === LOCAL) return { kind: 'complete', length, client: null };
  if (family === TCP4 && length >= FIXED_BYTES + 12)
    return { kind: 'complete', length, client: bytes.subarray(16, 20).join('.') };
  if (family === TCP6 && length >= FIXED_BYTES + 36)
    return { kind: 'complete', length, client: ipv6Text(bytes.subarray(16, 32)) };
  // Of other families the address is unknown; the connection is taken all the same.
  return family === TCP4 || family === TCP6
    ? { kind: 'malformed', reason: 'an address that is cut off' }
    : { kind: 'complete', length, client: null };
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/**
 * Takes the header off an accepted socket, from which nothing has been read. What comes behind it is put back.
 * @param onDone the client's address, or null where the header has none
 * @param onFault the socket has to be closed: the header is malformed, or did not come in time
 */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs: number,
  onDone: (client: string | null) => void,
  onFault: () => void,
): void {
  let carried: Buffer = Buffer.alloc(0);
  const letGo = (): void => {
    clearTimeout(timer);
    socket.off('readable', onReadable);
    socket.off('error', fail);
    socket.off('close', fail);
  };
  const fail = (): void => {
    letGo();
    socket.on('error', () => {});
    socket.destroy();
    onFault();
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    carried = Buffer.concat([carried, chunk]);
    const header = readProxyHeader(carried);
    if (header.kind === 'malformed') fail();
    else if (header.kind === 'complete') {
      letGo();
      if (carried.length > header.length) socket.unshift(carried.subarray(header.length));
      onDone(header.client);
    }
  };
  const timer = setTimeout(fail, timeoutMs);
  socket.on('readable', onReadable);
  socket.on('error', fail);
  socket.on('close', fail);
}
