import { type Field, headerName, NameKind } from '../../../http/index.ts';
import type { OpenStream } from '../../core/open-request.ts';

const REQUEST_ID = headerName('x-request-id');

/** An exchange, as people see it. */
export interface HttpStream extends OpenStream {
  /** 0 as long as there is no answer, and where there was none: the client went, or the stream was reset. */
  readonly status: number;
  readonly grpcStatus: number | null;
}

/** What a request says of itself. */
export interface RequestFacts {
  readonly method: string;
  readonly authority: string;
  /** Without its query, which may hold secrets. */
  readonly path: string;
  readonly requestId: string;
}

/** What a log takes from a request's own header section. */
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
