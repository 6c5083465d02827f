import { type Field, type FieldCache, type HeaderName, LONGEST_KEPT, NameKind, peerName } from '../http/index.ts';
import { badRequest, type Http1Fault } from './fault.ts';

const TAB = 9;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/** Names as they came in lately, by their bytes: a peer spells a name in the same way each time. */
const SPELLINGS = 512;
const spellings: Array<{ readonly bytes: Uint8Array; readonly name: HeaderName } | null> = new Array(SPELLINGS).fill(
  null,
);

/** The name that bytes[start, end) spell, whatever the case; null where they are no field's name (RFC 9110, 5.1). */
function nameOf(bytes: Uint8Array, start: number, end: number): HeaderName | null {
  const length = end - start;
  if (length === 0) return null;
  const place = (length * 31 + (bytes[start] as number) * 7 + (bytes[end - 1] as number) * 13) & (SPELLINGS - 1);
  const known = spellings[place] as { readonly bytes: Uint8Array; readonly name: HeaderName } | null;
  if (known !== null && isSame(known.bytes, bytes, start, length)) return known.name;
  const name = peerName(Buffer.from(bytes.subarray(start, end)).toString('latin1').toLowerCase());
  if (name.kind === NameKind.Invalid || name.text.startsWith(':')) return null;
  if (length <= LONGEST_KEPT) spellings[place] = { bytes: new Uint8Array(bytes.subarray(start, end)), name };
  return name;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** Takes the fields of a section one by one. */
export interface FieldTaker {
  /** @returns a fault, which ends the reading, or null */
  takeField(field: Field): Http1Fault | null;
}

/**
 * Reads the field lines of bytes[start, end), a section whose lines end in CR LF as `SectionScanner` found it. What only
 * some recipients would take (space before the colon, folded lines, control characters) is a fault (RFC 9112, 5).
 * @param of a response's space before the colon is removed instead (RFC 9112, 5.1)
 */
export function readFieldLines(
  fields: FieldCache,
  bytes: Uint8Array,
  start: number,
  end: number,
  taker: FieldTaker,
  of: 'request' | 'response' = 'request',
): Http1Fault | null {
  let at = start;
  while (bytes[at] !== CR) {
    let colon = at;
    while (colon < end && bytes[colon] !== COLON && bytes[colon] !== CR) colon++;
    if (bytes[colon] !== COLON) return badRequest('a header line without a colon');
    let nameEnd = colon;
    if (of === 'response') while (nameEnd > at && isBlank(bytes[nameEnd - 1] as number)) nameEnd--;
    const name = nameOf(bytes, at, nameEnd);
    if (name === null) return badRequest('a header name with a forbidden character');
    let valueStart = colon + 1;
    while (isBlank(bytes[valueStart] as number)) valueStart++;
    let lineEnd = valueStart;
    while (bytes[lineEnd] !== CR) lineEnd++;
    let valueEnd = lineEnd;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1] as number)) valueEnd--;
    const field = fields.internPlain(name, bytes, valueStart, valueEnd);
    if (!field.valid) return badRequest(`a forbidden character in the value of ${name.text}`);
    const fault = taker.takeField(field);
    if (fault !== null) return fault;
    at = lineEnd + 2;
  }
  return null;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
