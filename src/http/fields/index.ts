/** Fields and their names, as they were received: see `Field`. */

export { Field, field, staticFields, transientField } from './field.ts';
export { FieldCache } from './field-cache.ts';
export { HeaderBlock } from './header-block.ts';
export { HeaderName, headerName, LAST_PSEUDO_KIND, LONGEST_KEPT, NameKind, peerName, readName } from './header-name.ts';
export { INTEGER_BYTES, integerEnd, readInteger, writeInteger } from './integer.ts';
export { FIRST_DYNAMIC_INDEX } from './static-table.ts';
export { HOST_VALUE, TARGET, TOKEN } from './value-syntax.ts';
