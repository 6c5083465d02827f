import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { fileFault, plainText } from '../runtime/foreign-errors.ts';

/** What TLS is the least for both sides: older versions are broken (RFC 8996). */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A certificate with its chain, and its key: PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** TLS for clients. Plain data; each thread reads the files. */
export interface ServerTlsDescription {
  /** The one whose names fit what the client asks for (SNI) is shown; the first where none does. */
  readonly certificates: readonly CertificateFiles[];
  /** Authorities of clients' certificates: with it a client has to show one. */
  readonly clientAuthorities?: string | undefined;
  readonly minimumVersion: TlsVersion;
}

/** TLS to shards. */
export interface ClientTlsDescription {
  /** Authorities of shards' certificates; those of the system where it is left out. */
  readonly authorities?: string | undefined;
  /** The certificate that we show. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name that a shard's certificate has to have; its address's host where it is left out. */
  readonly serverName?: string | undefined;
}

/** A file with TLS in it cannot be used. Its message begins with the file's name. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new TlsFileError(`${file}: ${fileFault(cause)}`, { cause });
  }
}

/** A certificate that is ready to be shown. */
interface Identity {
  readonly leaf: X509Certificate;
  readonly options: SecureContextOptions & { readonly cert: Buffer; readonly key: Buffer };
  readonly context: SecureContext;
}

/** Reads a certificate and its key. @param more what it is shown with. @throws TlsFileError where they do not fit together, too */
export function readIdentity({ certificate, key }: CertificateFiles, more: SecureContextOptions = {}): Identity {
  const cert = read(certificate);
  const options = { ...more, cert, key: read(key) };
  try {
    return { leaf: new X509Certificate(cert), options, context: createSecureContext(options) };
  } catch (cause) {
    throw new TlsFileError(`${certificate} is not a PEM certificate that matches ${key}: ${plainText(cause)}`, {
      cause,
    });
  }
}

/** When files were changed last, to see that they were; why one cannot be looked at is a part of it. */
function stamp(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { mtimeMs, ino, size } = statSync(file);
        return `${mtimeMs}/${ino}/${size}`;
      } catch (error) {
        return fileFault(error);
      }
    })
    .join(' ');
}

/** The certificates that clients are shown, read again when their files change. Open connections go on with what they have. */
export class ServerCertificates {
  readonly #description: ServerTlsDescription;
  readonly #files: readonly string[];
  #stamp: string;
  #identities: readonly Identity[];
  /** Why the files as they are now cannot be used; null while they can. */
  fault: string | null = null;

  /** @throws TlsFileError */
  constructor(description: ServerTlsDescription) {
    this.#description = description;
    const authorities = description.clientAuthorities === undefined ? [] : [description.clientAuthorities];
    this.#files = [...description.certificates.flatMap(({ certificate, key }) => [certificate, key]), ...authorities];
    this.#stamp = stamp(this.#files);
    this.#identities = this.#read();
  }

  #read(): readonly Identity[] {
    const { certificates, clientAuthorities, minimumVersion } = this.#description;
    const authorities = clientAuthorities === undefined ? {} : { ca: read(clientAuthorities) };
    return certificates.map((files) => readIdentity(files, { minVersion: minimumVersion, ...authorities }));
  }

  /** Looks whether the files have changed, and takes them if they are right; else it keeps what it has. */
  refresh(): boolean {
    const now = stamp(this.#files);
    if (now === this.#stamp) return false;
    try {
      this.#identities = this.#read();
      this.#stamp = now;
      this.fault = null;
      return true;
    } catch (error) {
      // Two files change one after the other: what does not fit now may fit a moment later.
      this.fault = plainText(error);
      return false;
    }
  }

  /** What is shown to a client that asks for no name. */
  get defaultOptions(): SecureContextOptions {
    return (this.#identities[0] as Identity).options;
  }

  /** The one to show to a client that asks for this name. */
  contextFor(serverName: string): SecureContext {
    const named = this.#identities.find(({ leaf }) => leaf.checkHost(serverName) !== undefined);
    return (named ?? (this.#identities[0] as Identity)).context;
  }
}

/** What a connection to a shard is made with, read again when the files change. */
export class ClientCertificates {
  readonly #description: ClientTlsDescription;
  readonly #files: readonly string[];
  #stamp = '';
  #options: ClientTlsOptions | null = null;

  constructor(description: ClientTlsDescription) {
    this.#description = description;
    const { authorities, certificate, key } = description;
    this.#files = [authorities, certificate, key].filter((file) => file !== undefined);
  }

  /** @throws TlsFileError at the first time; later what was read last is used on */
  options(): ClientTlsOptions {
    const now = stamp(this.#files);
    if (this.#options !== null && now === this.#stamp) return this.#options;
    try {
      this.#options = this.#read();
      this.#stamp = now;
    } catch (error) {
      if (this.#options === null) throw error;
    }
    return this.#options;
  }

  #read(): ClientTlsOptions {
    const { authorities, certificate, key, serverName } = this.#description;
    const options = {
      minVersion: 'TLSv1.2' as const,
      ...(authorities === undefined ? {} : { ca: read(authorities) }),
      ...(certificate === undefined ? {} : { cert: read(certificate) }),
      ...(key === undefined ? {} : { key: read(key) }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    try {
      createSecureContext(options);
    } catch (cause) {
      const file = certificate ?? authorities ?? '';
      throw new TlsFileError(`${file} is not a PEM certificate, or its key does not match: ${plainText(cause)}`, {
        cause,
      });
    }
    return options;
  }
}

export interface ClientTlsOptions {
  readonly minVersion: TlsVersion;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

/** Why files cannot be used, or null. */
export function tlsFault(check: () => unknown): TlsFileError | null {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof TlsFileError) return error;
    throw error;
  }
}
