/**
 * The first byte of each value of RESP (the Redis serialization protocol, versions 2 and 3; "RESP protocol description" and
 * "RESP3 specification" of redis.io).
 */
export const ReplyType = {
  Simple: 0x2b, // +
  Error: 0x2d, // -
  Integer: 0x3a, // :
  Bulk: 0x24, // $
  Array: 0x2a, // *
  Null: 0x5f, // _
  Boolean: 0x23, // #
  Double: 0x2c, // ,
  BigNumber: 0x28, // (
  BulkError: 0x21, // !
  Verbatim: 0x3d, // =
  Map: 0x25, // %
  Set: 0x7e, // ~
  Push: 0x3e, // >
  Attribute: 0x7c, // |
  /** A piece of a streamed string. */
  Piece: 0x3b, // ;
  /** The end of a streamed aggregate. */
  End: 0x2e, // .
} as const;

/** A version of the protocol, as HELLO names it. */
export type Protocol = 2 | 3;

/** What a scanner answers where more bytes are needed. */
export const INCOMPLETE = -1;
/** What a scanner answers where the bytes break the protocol: its `fault` says how. */
export const MALFORMED = -2;

export const CR = 0x0d;
export const LF = 0x0a;
export const ZERO = 0x30;
export const MINUS = 0x2d;
export const QUESTION_MARK = 0x3f;
