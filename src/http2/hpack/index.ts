/** HPACK (RFC 7541): header sections on the wire, and the tables of both sides. */
export { DEFAULT_TABLE_SIZE, HpackDecoder } from './decoder.ts';
export { HpackEncoder, SIZE_UPDATE_BYTES } from './encoder.ts';
