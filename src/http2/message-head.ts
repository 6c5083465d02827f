import { type Field, type HeaderBlock, LAST_PSEUDO_KIND, NameKind } from './hpack/index.ts';

/**
 * What HTTP/2 and a proxy need of a header section, found in the one pass that checks it (RFC 9113, 8.1 to 8.3). One is
 * reused for every message of a connection.
 */
export class MessageHead {
  method: Field | null = null;
  scheme: Field | null = null;
  path: Field | null = null;
  authority: Field | null = null;
  /** Of an extended CONNECT (RFC 8441): what is to be spoken on the stream. */
  protocol: Field | null = null;
  status: Field | null = null;
  contentType: Field | null = null;
  grpcStatus: Field | null = null;
  grpcTimeout: Field | null = null;
  /** -1 where there is none. */
  contentLength = -1;

  #clear(): void {
    this.method = null;
    this.scheme = null;
    this.path = null;
    this.authority = null;
    this.protocol = null;
    this.status = null;
    this.contentType = null;
    this.grpcStatus = null;
    this.grpcTimeout = null;
    this.contentLength = -1;
  }

  /** Reads a request's header section. @returns why it is malformed, or null */
  readRequest(block: HeaderBlock): string | null {
    const fault = this.#read(block, LAST_PSEUDO_KIND);
    if (fault !== null) return fault;
    if (this.status !== null) return ':status in a request';
    if (this.method === null) return 'no :method';
    if (this.protocol !== null && this.method.text !== 'CONNECT') return ':protocol without CONNECT';
    if (this.method.text === 'CONNECT' && this.protocol === null) {
      // RFC 9113, 8.5: only :authority goes with it.
      return this.scheme !== null || this.path !== null || this.authority === null ? 'malformed CONNECT' : null;
    }
    if (this.scheme === null) return 'no :scheme';
    if (this.path === null || this.path.valueLength === 0) return 'no :path';
    return null;
  }

  /** Reads a response's header section. @returns why it is malformed, or null */
  readResponse(block: HeaderBlock): string | null {
    const fault = this.#read(block, LAST_PSEUDO_KIND);
    if (fault !== null) return fault;
    if (
      this.method !== null ||
      this.scheme !== null ||
      this.path !== null ||
      this.authority !== null ||
      this.protocol !== null
    )
      return 'a request field in a response';
    const status = this.status === null || this.status.valueLength !== 3 ? -1 : this.status.integer;
    if (status < 100) return 'no valid :status';
    return null;
  }

  /** Reads a trailer section. @returns why it is malformed, or null */
  readTrailers(block: HeaderBlock): string | null {
    return this.#read(block, 0);
  }

  #read(block: HeaderBlock, lastPseudo: number): string | null {
    this.#clear();
    const { fields, count } = block;
    let pseudoAllowed = lastPseudo > 0;
    for (let i = 0; i < count; i++) {
      const field = fields[i] as Field;
      const kind = field.name.kind;
      if (!field.valid) return `a forbidden character in the value of ${field.name.text}`;
      if (kind === NameKind.Other) {
        pseudoAllowed = false;
        continue;
      }
      if (kind <= LAST_PSEUDO_KIND) {
        if (!pseudoAllowed) return `${field.name.text} in the wrong place`;
        if (!this.#takePseudo(kind, field)) return `${field.name.text} is unknown or repeated`;
      } else {
        pseudoAllowed = false;
        if (!this.#takeRegular(kind, field)) return `${field.name.text} is not allowed so`;
      }
    }
    return null;
  }

  #takePseudo(kind: NameKind, field: Field): boolean {
    switch (kind) {
      case NameKind.Method:
        if (this.method !== null) return false;
        this.method = field;
        return true;
      case NameKind.Scheme:
        if (this.scheme !== null) return false;
        this.scheme = field;
        return true;
      case NameKind.Path:
        if (this.path !== null) return false;
        this.path = field;
        return true;
      case NameKind.Authority:
        if (this.authority !== null) return false;
        this.authority = field;
        return true;
      case NameKind.Protocol:
        if (this.protocol !== null) return false;
        this.protocol = field;
        return true;
      case NameKind.Status:
        if (this.status !== null) return false;
        this.status = field;
        return true;
      default:
        return false;
    }
  }

  #takeRegular(kind: NameKind, field: Field): boolean {
    switch (kind) {
      case NameKind.ContentType:
        this.contentType ??= field;
        return true;
      case NameKind.ContentLength: {
        const length = field.integer;
        if (length < 0 || (this.contentLength >= 0 && this.contentLength !== length)) return false;
        this.contentLength = length;
        return true;
      }
      case NameKind.Te:
        return field.text === 'trailers' || field.text.toLowerCase() === 'trailers';
      case NameKind.GrpcStatus:
        this.grpcStatus = field;
        return true;
      case NameKind.GrpcTimeout:
        this.grpcTimeout = field;
        return true;
      default:
        return false;
    }
  }
}
