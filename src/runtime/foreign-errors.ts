/**
 * What Node and gRPC say of a failure, in words that tell somebody what to look at. This file alone knows their texts: gRPC gives
 * no more of what happened below it.
 */

/** What Node notes on the errors of its system calls. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly hostname?: string;
  readonly address?: string;
  readonly port?: number;
}

/** Of files: what stands behind the path. */
const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EROFS: 'the file system takes no changes',
  EISDIR: 'is a folder, and a file is wanted',
  ENOTDIR: 'what stands before the last / is no folder',
  EEXIST: 'exists already',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
};

/** Behind an address that another process listens on. */
export const IN_USE = 'is in use by another process';

/** Of addresses: what stands behind the address. */
const ADDRESS_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: IN_USE,
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'is a port that needs more rights than this user has',
  ECONNREFUSED: 'does not answer: nobody listens there',
  ECONNRESET: 'has closed the connection',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached from this machine',
  ENETUNREACH: 'cannot be reached from this machine',
};

/** Why a file could not be read or written, to stand behind its name. */
export function fileFault(error: unknown): string {
  const { code = '' } = error as Partial<SystemError>;
  return FILE_FAULTS[code] ?? `cannot be read: ${code || String(error)}`;
}

/** What an error says, in our own words where it is one of Node's or gRPC's; else as it is. */
export function plainText(error: unknown): string {
  if (!(error instanceof Error)) return connectionText(String(error));
  return systemText(error as Partial<SystemError>) ?? connectionText(error.message);
}

function systemText({ code, syscall = '', path, hostname, address, port }: Partial<SystemError>): string | null {
  if (code === undefined) return null;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `there is no host ${hostname}, as far as the DNS knows`;
  if (syscall.startsWith('spawn')) return `${path}: there is no such command`;
  const where = port === undefined ? address : `${address?.includes(':') ? `[${address}]` : address}:${port}`;
  const ofAddress = ADDRESS_FAULTS[code];
  if (where !== undefined && ofAddress !== undefined) return `${where} ${ofAddress}`;
  const ofFile = FILE_FAULTS[code];
  return path !== undefined && ofFile !== undefined ? `${path}: ${ofFile}` : null;
}

/** A text in which what Node says of an address may stand, as gRPC and worker threads hand it on. */
function connectionText(text: string): string {
  const [, , code = '', address] = /(connect|listen) (E[A-Z]+)[^0-9[]*(\[?[0-9a-f.:]+\]?:[0-9]+)/.exec(text) ?? [];
  const fault = ADDRESS_FAULTS[code];
  if (address !== undefined && fault !== undefined) return `${address} ${fault}`;
  const [, host] = /^Name resolution failed for target (?:dns:)?(.+):[0-9]+/.exec(text) ?? [];
  if (host !== undefined) return `there is no host ${host}, as far as the DNS knows`;
  const [, seconds] = /^Deadline exceeded after ([0-9]+)/.exec(text) ?? [];
  if (seconds !== undefined) return `there was no answer within ${seconds} s`;
  if (/^Protocol error\b/.test(text)) return 'what listens there does not speak HTTP/2, which gRPC goes over';
  return text.replace(/^No connection established\. Last error: (Error: )?/, '').replace(/\.? Resolution note: *$/, '');
}
