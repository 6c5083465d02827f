import type { CertificateFiles } from '../../io/index.ts';
import { canonicalAddress, type HostPort, isLoopback, isSamePlace, splitAddress } from '../../runtime/address.ts';

/** How a backend is called that takes part by itself. */
export interface ParticipantSettings {
  /** `http:` and `https:` for JSON, `grpc:` and `grpcs:` for gRPC; without TLS on this machine only. */
  readonly url: URL;
  /** A PEM file of authorities for TLS; null: those that Node trusts. */
  readonly caFile: string | null;
  /** A file with a token that is sent as a bearer token; null: none. */
  readonly tokenFile: string | null;
}

/** With gRPC the port is always written. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const PROTOCOLS = ['http:', 'https:', 'grpc:', 'grpcs:'];

/** Reads where a backend is called. @returns the URL, or what is wrong */
export function participantUrl(text: string): URL | string {
  const url = URL.parse(text);
  if (url === null || !PROTOCOLS.includes(url.protocol) || url.host === '')
    return 'write a URL, such as http://127.0.0.1:8080/keyway or grpc://127.0.0.1:8080';
  const isRpc = url.protocol.startsWith('grpc');
  if (isRpc && (url.port === '' || !['', '/'].includes(url.pathname))) return 'write grpc://HOST:PORT';
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    return 'write a URL without a query, a fragment or a password';
  const isPlain = url.protocol === 'http:' || url.protocol === 'grpc:';
  if (isPlain && !isOnThisMachine(url))
    return `what answers in its place would decide who serves: use ${isRpc ? 'grpcs' : 'https'} for another machine`;
  return url;
}

/** Where a backend asks about its keys: what it is told there decides what it serves. */
export interface AskedAt extends HostPort {
  /** What it is shown; null: it asks in cleartext. */
  readonly certificate: CertificateFiles | null;
}

/** What is given of it. */
export interface AskSettings {
  readonly ask?: HostPort | undefined;
  readonly askCertificate?: string | undefined;
  readonly askKey?: string | undefined;
  readonly askInsecure?: true | undefined;
}

/** Where nothing is given; the system chooses the port. */
const ON_LOOPBACK: HostPort = { host: '127.0.0.1', port: 0 };

/**
 * Where a backend asks that is called at a URL: on loopback, or by TLS.
 * @returns it, or what is wrong, beginning with the option
 */
export function askedAt(settings: AskSettings, url: URL): AskedAt | string {
  const { ask = ON_LOOPBACK, askCertificate: certificate, askKey: key, askInsecure } = settings;
  if ((certificate === undefined) !== (key === undefined)) return '--ask-certificate and --ask-key go together';
  if (settings.ask === undefined && !isOnThisMachine(url))
    return `--ask: the backend is called at ${url.host}, and could not ask on 127.0.0.1; give an address of this machine that it reaches`;
  if (['0.0.0.0', '::'].includes(canonicalAddress(ask.host)))
    return `--ask: the backend is told this address, and cannot connect to ${ask.host}; give one of this machine that it reaches`;
  const files = certificate === undefined || key === undefined ? null : { certificate, key };
  if (files === null && !isLoopback(ask.host) && askInsecure !== true)
    return '--ask: what answers in its place would decide what the backend serves; give --ask-certificate and --ask-key, or say --ask-insecure';
  return { ...ask, certificate: files };
}

function isOnThisMachine({ hostname }: URL): boolean {
  return isLoopback(bare(hostname));
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether what routers send to a shard may reach the place where its backend is called: then their clients could call it. On loopback the port alone tells, because
 * a server that listens on all addresses is there as well.
 * @param address the shard's, `host:port`
 */
export function isServedPlace(url: URL, address: string): boolean {
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port);
  const served = splitAddress(address);
  return port === served.port && (isOnThisMachine(url) || isSamePlace({ host: bare(url.hostname), port }, served));
}
