import { type Field, type HeaderBlock, headerName, LAST_PSEUDO_KIND, NameKind } from './fields/index.ts';
import { withoutOuterBlanks } from './outer-blanks.ts';

const AUTHORITY = headerName(':authority');

/**
 * What HTTP/2 and a proxy need of a header section, found in the one pass that checks it (RFC 9113, 8.1 to 8.3). One is
 * reused for every message of a connection.
 */
export class MessageHead {
  method: Field | null = null;
  scheme: Field | null = null;
  path: Field | null = null;
  authority: Field | null = null;
  /** Of an extended CONNECT (RFC 8441): the protocol to speak on the stream. */
  protocol: Field | null = null;
  status: Field | null = null;
  /** Of an answer alone: a request's is its `authority`. */
  host: Field | null = null;
  contentType: Field | null = null;
  grpcStatus: Field | null = null;
  grpcTimeout: Field | null = null;
  /** -1 where there is none. */
  contentLength = -1;
  /** A value begins or ends with a blank. */
  #hasOuterBlanks = false;

  #clear(): void {
    this.method = null;
    this.scheme = null;
    this.path = null;
    this.authority = null;
    this.protocol = null;
    this.status = null;
    this.host = null;
    this.contentType = null;
    this.grpcStatus = null;
    this.grpcTimeout = null;
    this.contentLength = -1;
    this.#hasOuterBlanks = false;
  }

  /**
   * Reads a request's header section, and settles in it what may be said in two ways: the authority stands in
   * `:authority` alone.
   * @returns why it is malformed, or null
   */
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
    if (this.protocol !== null) this.dropContentLength(block);
    return this.host === null ? null : this.#settleHost(block, this.host);
  }

  /**
   * Host has to say what `:authority` says, and replaces it if there is none: a recipient that looks at only one of the two must not
   * be led elsewhere (RFC 9113, 8.3.1).
   */
  #settleHost(block: HeaderBlock, host: Field): string | null {
    const { authority } = this;
    block.removeWhere(({ name }) => name.kind === NameKind.Host);
    this.host = null;
    if (authority !== null && authority.valueLength > 0)
      return authority.text.toLowerCase() === host.text.toLowerCase() ? null : 'host and :authority differ';
    const made = host.renamed(AUTHORITY);
    this.authority = made;
    block.set([made, ...block.copy().filter((each) => each !== authority)]);
    return null;
  }

  /** Leaves out a length where a message may not have one, because it has no content. */
  dropContentLength(block: HeaderBlock): void {
    if (this.contentLength < 0) return;
    this.contentLength = -1;
    block.removeWhere(({ name }) => name.kind === NameKind.ContentLength);
  }

  /**
   * Reads a response's header section. A length is left out where none may be sent (RFC 9110, 8.6).
   * @returns why it is malformed, or null
   */
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
    // It concerns an HTTP/1.1 connection, and code that has one handles it (RFC 9113, 8.6).
    if (status === 101) return ':status 101';
    if (status < 200 || status === 204) this.dropContentLength(block);
    return null;
  }

  /** Reads a trailer section, and leaves out what may not stand there. @returns why it is malformed, or null */
  readTrailers(block: HeaderBlock): string | null {
    const fault = this.#read(block, 0);
    if (fault !== null) return fault;
    for (let i = block.count - 1; i >= 0; i--) if (!(block.fields[i] as Field).name.mayTrail) block.remove(i);
    this.contentLength = -1;
    return null;
  }

  #read(block: HeaderBlock, lastPseudo: number): string | null {
    this.#clear();
    const { fields, count } = block;
    let pseudoAllowed = lastPseudo > 0;
    for (let i = 0; i < count; i++) {
      const field = fields[i] as Field;
      const kind = field.name.kind;
      if (!field.valid) {
        if (withoutOuterBlanks(field) === null) return `a forbidden character in the value of ${field.name.text}`;
        this.#hasOuterBlanks = true;
      }
      if (kind === NameKind.Other) {
        pseudoAllowed = false;
        continue;
      }
      if (kind <= LAST_PSEUDO_KIND) {
        if (!pseudoAllowed) return `${field.name.text} in the wrong place`;
        if (!this.#takePseudo(kind, field)) return `${field.name.text} is unknown or repeated`;
      } else {
        pseudoAllowed = false;
        if (!this.#takeRegular(kind, field)) return `${field.name.text} has a value that is not allowed`;
      }
    }
    return this.#hasOuterBlanks ? this.#removeOuterBlanks(block) : null;
  }

  /**
   * gRPC allows outer blanks in metadata, and its C++ server sends them; elsewhere they are malformed (RFC 9113,
   * 8.2.1).
   */
  #removeOuterBlanks(block: HeaderBlock): string | null {
    const isGrpc = this.grpcStatus !== null || this.contentType?.text.startsWith('application/grpc') === true;
    for (let i = 0; i < block.count; i++) {
      const field = block.fields[i] as Field;
      if (field.valid) continue;
      const trimmed = withoutOuterBlanks(field);
      if (!isGrpc || trimmed === null || field.name.kind !== NameKind.Other)
        return `a blank around the value of ${field.name.text}`;
      block.replace(i, trimmed);
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
        if (length < 0 || this.contentLength >= 0) return false;
        this.contentLength = length;
        return true;
      }
      case NameKind.Host:
        if (this.host !== null) return false;
        this.host = field;
        return true;
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
