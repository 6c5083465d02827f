import { isLoopback } from '../../runtime/address.ts';

/** How a backend is called that takes part by itself. */
export interface ParticipantSettings {
  /** `http:` and `https:` for JSON, `grpc:` and `grpcs:` for gRPC; without TLS on this machine only. */
  readonly url: URL;
  /** A PEM file of authorities for TLS; null: those that Node trusts. */
  readonly caFile: string | null;
  /** A file with a token that is sent as a bearer token; null: none. */
  readonly tokenFile: string | null;
}

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
  if (isPlain && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')))
    return `what answers in its place would decide who serves: use ${isRpc ? 'grpcs' : 'https'} for another machine`;
  return url;
}
