import { type Field, headerName, NameKind } from '../http/index.ts';

/**
 * What a client speaks inside HTTP, and so what it takes for an error: gRPC's trailers, a trailer frame in the content
 * (gRPC-Web, binary or base64), Connect's JSON, its end-of-stream message, or HTTP's status alone.
 */
export type ClientProtocol = 'grpc' | 'grpc-web' | 'grpc-web-text' | 'connect' | 'connect-stream' | 'http';

const CONNECT_VERSION = headerName('connect-protocol-version');

/** Recognised by a request's header section. */
export function clientProtocolOf(fields: readonly Field[], count = fields.length): ClientProtocol {
  let contentType = '';
  let connect = false;
  for (let i = 0; i < count; i++) {
    const field = fields[i] as Field;
    if (field.name.kind === NameKind.ContentType) contentType = field.text.toLowerCase();
    else if (field.name === CONNECT_VERSION) connect = true;
    // A call without side effects may be a GET, which has no content-type (Connect protocol, "Unary-Get-Request").
    else if (field.name.kind === NameKind.Path && field.valueLength > 11)
      connect ||= /[?&]connect=v1(&|$)/.test(field.text);
  }
  if (contentType.startsWith('application/grpc-web-text')) return 'grpc-web-text';
  if (contentType.startsWith('application/grpc-web')) return 'grpc-web';
  if (/^application\/grpc($|[+;])/.test(contentType)) return 'grpc';
  if (contentType.startsWith('application/connect+')) return 'connect-stream';
  return connect ? 'connect' : 'http';
}
