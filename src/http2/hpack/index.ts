/** HPACK, RFC 7541. */
export { DEFAULT_TABLE_SIZE, HpackDecoder } from './decoder.ts';
export { HpackEncoder, SIZE_UPDATE_BYTES } from './encoder.ts';
export { Field, field, transientField } from './field.ts';
export { FieldCache } from './field-cache.ts';
export { HeaderBlock } from './header-block.ts';
export { HeaderName, headerName, LAST_PSEUDO_KIND, LONGEST_KEPT, NameKind, peerName } from './header-name.ts';
export { HOST_VALUE, TARGET, TOKEN } from './value-syntax.ts';
