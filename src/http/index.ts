/** HTTP as both versions share it: fields, header sections, messages as streams, limits. Knows no wire. */
export { type HttpContext, httpContext, httpContextOn } from './context.ts';
export { ErrorCode } from './error-codes.ts';
export {
  FIRST_DYNAMIC_INDEX,
  Field,
  FieldCache,
  field,
  HeaderBlock,
  HeaderName,
  HOST_VALUE,
  headerName,
  INTEGER_BYTES,
  integerEnd,
  LAST_PSEUDO_KIND,
  LONGEST_KEPT,
  NameKind,
  peerName,
  readInteger,
  readName,
  staticFields,
  TARGET,
  TOKEN,
  transientField,
  writeInteger,
} from './fields/index.ts';
export { defaultLimits, type FloodCause, floodCauses, type HttpLimits, TokenBucket } from './limits.ts';
export { MessageHead } from './message-head.ts';
export { canonicalPath, canonicalQueryText, canonicalSegments, decodedQueryText } from './spelling.ts';
export {
  isUnprocessed,
  NOTHING,
  OutputQueue,
  type RequestConnection,
  ResetCause,
  Stream,
  type StreamConnection,
  type StreamHandler,
  unhandled,
} from './stream.ts';
