/** What programs use of HTTP/2: `import { Connection } from 'keyway/http2'`. See docs/library.md. */
import './oldest-node.ts';

export {
  ErrorCode,
  Field,
  type FloodCause,
  field,
  HeaderBlock,
  HeaderName,
  type HttpContext,
  type HttpLimits,
  headerName,
  httpContext,
  MessageHead,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
  transientField,
  unhandled,
} from '../http/index.ts';
export { Connection, type ConnectionHandler } from '../http2/index.ts';
