/**
 * What Node and gRPC say of a failure, in words that tell the reader what to look at. This file alone knows their
 * texts: gRPC gives no more of what happened below it.
 */

/** What Node notes on the errors of its system calls. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly hostname?: string;
  readonly address?: string;
  /** In place of the address, where a TLS handshake is cut off. */
  readonly host?: string;
  readonly port?: number;
}

/** Of files: what stands behind the path. */
const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'the part before the last / is not a folder',
  EEXIST: 'exists already',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
};

/** Behind an address that another process listens on. */
const IN_USE = 'is in use by another process';

/** Follows a host whose name is unknown. */
const UNKNOWN_HOST = ' in DNS';

/** Of addresses: what stands behind the address. */
const ADDRESS_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: IN_USE,
  EADDRNOTAVAIL: 'is not an address of this machine',
  EACCES: 'is a port that needs more rights than this user has',
  ECONNREFUSED: 'does not answer: nothing listens there',
  ECONNRESET: 'has closed the connection',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached from this machine',
  ENETUNREACH: 'cannot be reached from this machine',
};

/** Why a file could not be read or written, to stand behind its name. */
export function fileFault(error: unknown): string {
  const { code = '' } = error as Partial<SystemError>;
  return FILE_FAULTS[code] ?? `cannot be used: ${code || String(error)}`;
}

/** What an error says, in our own words where it is one of Node's or gRPC's; else as it is. */
export function plainText(error: unknown): string {
  if (!(error instanceof Error)) return connectionText(String(error));
  return systemText(error as Partial<SystemError>) ?? connectionText(error.message);
}

function systemText({
  code,
  syscall = '',
  path,
  hostname,
  host,
  address = host,
  port,
}: Partial<SystemError>): string | null {
  if (code === undefined) return null;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `there is no host ${hostname}${UNKNOWN_HOST}`;
  if (syscall.startsWith('spawn')) return `${path}: there is no such command`;
  const where = port === undefined ? address : `${address?.includes(':') ? `[${address}]` : address}:${port}`;
  const ofAddress = ADDRESS_FAULTS[code];
  if (where !== undefined && ofAddress !== undefined) return `${where} ${ofAddress}`;
  const ofFile = FILE_FAULTS[code];
  return path !== undefined && ofFile !== undefined ? `${path}: ${ofFile}` : null;
}

/** Why it could not be listened, and the setting to change where that is for its address. @param setting as its writer knows it */
export function listenFault(cause: unknown, setting: string): string {
  const text = plainText(cause);
  const isOfAddress =
    text.endsWith(UNKNOWN_HOST) || Object.values(ADDRESS_FAULTS).some((fault) => text.endsWith(fault));
  if (!isOfAddress) return text;
  return `${text}: change ${setting}${text.endsWith(IN_USE) ? ', or stop the process that uses it' : ''}`;
}

/** What gRPC puts before and behind what has happened. */
const FRAMES = [
  /(?:[0-9]+ [A-Z_]+: )?No connection established\. Last error: (?:Error: )?/,
  /\.? Resolution note: *$/,
  / \([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z\)/,
] as const;

/** What gRPC and OpenSSL say when another kind of server is there. */
const MEANINGS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bProtocol error$/, 'what listens there does not speak HTTP/2, which gRPC needs'],
  [
    /\b(?:Failed to connect|(?:read |write )?ECONNRESET|socket hang up)$/,
    'what listens there closes the connection: it may need TLS, or speak another protocol',
  ],
  [/(?:[0-9A-F]+:error:)?[0-9A-F]+:SSL routines:.*wrong version number.*/s, 'what listens there does not speak TLS'],
  [
    /(?:[0-9]+ [A-Z_]+: )?Received HTTP status code ([0-9]+)$/,
    'what answers there does not speak gRPC: HTTP status $1',
  ],
  [/\bReceived RST_STREAM with code 0 \(Call ended without gRPC status\)/, 'the answer has no gRPC status'],
  [/^The server does not implement the method \S+$/, 'what answers there does not have this service'],
  [/^Cancelled on client$/, 'there was no answer in time'],
  [/error:[0-9A-F]+:x509 certificate routines:[^:]*:key values mismatch$/, 'the key belongs to another certificate'],
  [/error:[0-9A-F]+:PEM routines:[^:]*:no start line$/, 'it contains no PEM'],
];

/** Of gRPC's framing: letters of a page, say, that were taken for the length of a message. */
const LEAST_OF_LETTERS = 0x09090909;

/** A text in which what Node says of an address may stand, as gRPC and worker threads hand it on. */
function connectionText(text: string): string {
  const [, code = '', address] = /(?:connect|listen) (E[A-Z]+)[^\n]*?\s(\S*:[0-9]+)\b/.exec(text) ?? [];
  const fault = ADDRESS_FAULTS[code];
  if (address !== undefined && fault !== undefined) return `${bracketed(address)} ${fault}`;
  const [, host] = /^Name resolution failed for target (?:dns:)?(.+):[0-9]+/.exec(text) ?? [];
  if (host !== undefined) return `there is no host ${host}${UNKNOWN_HOST}`;
  const [, seconds] = /^Deadline exceeded after ([0-9]+)/.exec(text) ?? [];
  if (seconds !== undefined) return `there was no answer within ${seconds} s`;
  const [, length] = /\bReceived message larger than max \(([0-9]+) vs/.exec(text) ?? [];
  if (Number(length) >= LEAST_OF_LETTERS) return 'what answers there does not speak gRPC';
  const plain = FRAMES.reduce((rest, frame) => rest.replace(frame, ''), text);
  return MEANINGS.reduce((rest, [pattern, meaning]) => rest.replace(pattern, meaning), plain);
}

/** Node writes an IPv6 address and its port as one row of colons. */
function bracketed(address: string): string {
  const [, host = '', port] = /^([0-9a-f:]*:[0-9a-f:]*):([0-9]+)$/.exec(address) ?? [];
  return host === '' ? address : `[${host}]:${port}`;
}
