import { type Field, headerName, NameKind } from '../../../http/index.ts';

const REQUEST_ID = headerName('x-request-id');

/** An exchange, as people see it. */
export interface OpenStream {
  /** The client's address. */
  readonly client: string;
  /** Of HTTP. */
  readonly version: string;
  readonly protocol: string;
  readonly route: string;
  readonly cluster: string;
  readonly shard: string;
  readonly key: string;
  /** 0 as long as there is no answer, and where there was none: the client went, or the stream was reset. */
  readonly status: number;
  readonly grpcStatus: number | null;
  readonly ageMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly retries: number;
}

/** What a request says of itself. */
export interface RequestFacts {
  readonly method: string;
  readonly authority: string;
  /** Without its query, which may hold secrets. */
  readonly path: string;
  readonly requestId: string;
}

/** What a request's own header section tells a log. */
export function requestFacts(fields: readonly Field[], count = fields.length): RequestFacts {
  const facts = { method: '', authority: '', path: '', requestId: '' };
  for (let i = 0; i < count; i++) {
    const { name, text } = fields[i] as Field;
    if (name.kind === NameKind.Method) facts.method = text;
    else if (name.kind === NameKind.Authority) facts.authority = text;
    else if (name.kind === NameKind.Path) facts.path = text.split('?')[0] ?? '';
    else if (name === REQUEST_ID) facts.requestId = text;
  }
  return facts;
}
