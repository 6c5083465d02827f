import { isIPv4, isIPv6 } from 'node:net';

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

/** Whether a host cannot be reached from outside this machine. A name that begins with `127.` could be anywhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const IPV4_AND_PORT = /^(\d{1,3}(?:\.\d{1,3}){3}):\d+$/;
const BRACKETED = /^\[([^\]]*)\](?::\d+)?$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * The one spelling of a client's address: no port, no brackets, no quotes, IPv6 as RFC 5952 has it, and IPv4 as such where it came
 * mapped into IPv6. A text that is no address keeps its letters, in lower case.
 */
export function canonicalAddress(text: string): string {
  if (IPV4.test(text)) return text;
  const unquoted = text.replace(/^"(.*)"$/, '$1');
  const bare = BRACKETED.exec(unquoted)?.[1] ?? IPV4_AND_PORT.exec(unquoted)?.[1] ?? unquoted;
  const address = bare.split('%', 1)[0] ?? '';
  if (!isIPv6(address)) return bare.toLowerCase();
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = MAPPED.exec(canonical);
  if (mapped === null) return canonical;
  const [high = 0, low = 0] = mapped.slice(1).map((group) => Number.parseInt(group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

/** Whether two listeners cannot both have their addresses. Port 0 is one that the system chooses. */
export function isSamePlace(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const hosts = [one, other].map(({ host }) => (host === 'localhost' ? '127.0.0.1' : canonicalAddress(host)));
  if (hosts.includes(ANY) || hosts[0] === hosts[1]) return true;
  return hosts.includes(ANY_IPV4) && hosts.every((host) => !host.includes(':'));
}
