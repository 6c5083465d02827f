import { type Field, headerName, NameKind } from '../../http2/index.ts';

const REQUEST_ID = headerName('x-request-id');

/** An exchange that goes on, as people see it. */
export interface OpenStream {
  readonly key: string;
  readonly cluster: string;
  readonly shard: string;
  readonly route: string;
  readonly client: string;
  readonly protocol: string;
  readonly ageMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What a request's own header section tells a log. */
export function requestFacts(
  fields: readonly Field[],
  count = fields.length,
): { method: string; authority: string; path: string; requestId: string } {
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
