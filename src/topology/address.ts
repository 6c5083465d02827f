import { isIPv4 } from 'node:net';

export interface HostPort {
  readonly host: string;
  /** Where one listens, 0 has the system choose one. */
  readonly port: number;
}

/** Splits `host:port`, an IPv6 host out of its brackets. What is no such text gives a port that is no number. */
export function splitAddress(address: string): HostPort {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** `host:port`, an IPv6 host in brackets. */
export function addressText({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether nobody outside this machine can reach a host. A name that begins with `127.` is somebody's. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
