import { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';
import { INTEGER_BYTES, writeInteger } from './integer.ts';
import { staticEntries } from './static-table.ts';

/** The names that HTTP/2 itself or a proxy has to know; every other one is `Other`. */
export const NameKind = {
  Other: 0,
  Method: 1,
  Scheme: 2,
  Path: 3,
  Authority: 4,
  Status: 5,
  Protocol: 6,
  UnknownPseudo: 7,
  ContentLength: 8,
  ContentType: 9,
  Te: 10,
  GrpcStatus: 11,
  GrpcTimeout: 12,
  /** `connection` and its like, which may not stand in an HTTP/2 message (RFC 9113, 8.2.2). */
  ConnectionSpecific: 13,
  /** Characters that no field name may have (RFC 9113, 8.2.1). */
  Invalid: 14,
  Host: 15,
} as const;
export type NameKind = (typeof NameKind)[keyof typeof NameKind];

/** Kinds up to this one are pseudo-header fields. */
export const LAST_PSEUDO_KIND = NameKind.UnknownPseudo;

const KINDS: Readonly<Record<string, NameKind>> = {
  ':method': NameKind.Method,
  ':scheme': NameKind.Scheme,
  ':path': NameKind.Path,
  ':authority': NameKind.Authority,
  ':status': NameKind.Status,
  ':protocol': NameKind.Protocol,
  'content-length': NameKind.ContentLength,
  'content-type': NameKind.ContentType,
  host: NameKind.Host,
  te: NameKind.Te,
  'grpc-status': NameKind.GrpcStatus,
  'grpc-timeout': NameKind.GrpcTimeout,
  connection: NameKind.ConnectionSpecific,
  'keep-alive': NameKind.ConnectionSpecific,
  'proxy-connection': NameKind.ConnectionSpecific,
  'transfer-encoding': NameKind.ConnectionSpecific,
  upgrade: NameKind.ConnectionSpecific,
};

/**
 * What acts on a message before or beside its content may not come behind it (RFC 9110, 6.5.1): what frames or routes it,
 * modifies a request, authenticates, controls an answer, or describes the content's format.
 */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...['content-length', 'host', 'te', 'trailer', 'http2-settings', 'alt-svc'],
  ...['cache-control', 'expect', 'max-forwards', 'pragma', 'range', 'priority'],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'],
  ...['authorization', 'proxy-authorization', 'www-authenticate', 'proxy-authenticate', 'cookie', 'set-cookie'],
  ...['age', 'date', 'expires', 'location', 'retry-after', 'vary', 'warning', 'via', 'strict-transport-security'],
  ...['content-encoding', 'content-type', 'content-range', 'content-location'],
]);

/** RFC 9110's tchar without upper case, which RFC 9113, 8.2.1 forbids. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** A field's name; see `headerName` for when two are one object. */
export class HeaderName {
  readonly text: string;
  readonly kind: NameKind;
  /** The lowest entry of the static table with this name; 0 where there is none. */
  readonly staticIndex: number;
  /** The name as a string literal (RFC 7541, 5.2), to write where no index stands for it. */
  readonly literal: Uint8Array;
  /** The name as HTTP/1.1 writes it, with what parts it from the value. */
  readonly linePrefix: Uint8Array;
  /** Length in bytes, for the sizes of RFC 7541, 4.1. */
  readonly length: number;
  /** May stand behind a message's content. */
  readonly mayTrail: boolean;
  /** Free for the layer above, to mark names that it treats in its own way; 0 until then. */
  note = 0;

  constructor(text: string, staticIndex: number) {
    this.text = text;
    this.kind = kindOf(text);
    this.staticIndex = staticIndex;
    this.literal = stringLiteral(Buffer.from(text, 'latin1'));
    this.linePrefix = Buffer.from(`${text}: `, 'latin1');
    this.length = text.length;
    this.mayTrail = !NOT_IN_TRAILERS.has(text);
  }
}

function kindOf(text: string): NameKind {
  const kind = KINDS[text];
  if (kind !== undefined && Object.hasOwn(KINDS, text)) return kind;
  if (text.startsWith(':')) return NameKind.UnknownPseudo;
  return TOKEN.test(text) ? NameKind.Other : NameKind.Invalid;
}

/** Text bytes as a string literal, Huffman-coded where that is shorter. */
export function stringLiteral(bytes: Uint8Array): Uint8Array {
  const coded = huffmanLength(bytes, 0, bytes.length);
  const shorter = coded < bytes.length;
  const into = new Uint8Array((shorter ? coded : bytes.length) + INTEGER_BYTES);
  let at = writeInteger(shorter ? coded : bytes.length, 7, shorter ? 0x80 : 0, into, 0);
  if (shorter) at = huffmanEncode(bytes, 0, bytes.length, into, at);
  else {
    into.set(bytes, at);
    at += bytes.length;
  }
  return into.slice(0, at);
}

/** The names that the router itself knows: of the static table, of modules and of the config. They are kept for good. */
const ownNames = new Map<string, HeaderName>();
staticEntries.forEach(({ name }, i) => {
  if (!ownNames.has(name)) ownNames.set(name, new HeaderName(name, i + 1));
});

/**
 * The one object for a name of our own, with which a field's name may be compared. Code that does so asks for it before
 * peers send it, and never for a name that a peer has chosen: that is `peerName`.
 */
export function headerName(text: string): HeaderName {
  const known = ownNames.get(text);
  if (known !== undefined) return known;
  const made = peerName(text);
  ownNames.set(text, made);
  return made;
}

/** Names that peers have sent lately, in two generations of at most this many: those that come again stay. */
const GENERATION = 1024;
/** Longer names rarely come twice. */
export const LONGEST_KEPT = 128;
let recentNames = new Map<string, HeaderName>();
let olderNames = new Map<string, HeaderName>();

/** The object for a name that a peer has sent: one of our own, or one that is let go when it has not come for a while. */
export function peerName(text: string): HeaderName {
  const known = ownNames.get(text) ?? recentNames.get(text);
  if (known !== undefined) return known;
  const name = olderNames.get(text) ?? new HeaderName(text, 0);
  if (text.length > LONGEST_KEPT) return name;
  if (recentNames.size >= GENERATION) {
    olderNames = recentNames;
    recentNames = new Map();
  }
  recentNames.set(text, name);
  return name;
}

const scratch = new Uint8Array(4096);

/** Names as they came in lately, by their coded bytes: a peer spells a name in the same way each time. */
const SPELLINGS = 256;
const spellings: Array<{ readonly literal: Uint8Array; readonly name: HeaderName } | null> = new Array(SPELLINGS).fill(
  null,
);

/**
 * The name that the string literal bytes[start, end) spells, its length prefix included, or null where it is no string.
 * @param valueStart where the prefix ends
 */
export function readName(bytes: Uint8Array, start: number, valueStart: number, end: number): HeaderName | null {
  const place = ((end - start) * 31 + (bytes[end - 1] as number) * 7 + (bytes[valueStart] as number)) & (SPELLINGS - 1);
  const known = spellings[place];
  if (known != null && sameBytes(known.literal, 0, known.literal.length, bytes, start, end)) return known.name;
  const name = decodeName(bytes, valueStart, end, (bytes[start] as number) >= 0x80);
  if (name !== null && name.length <= LONGEST_KEPT)
    spellings[place] = { literal: new Uint8Array(bytes.subarray(start, end)), name };
  return name;
}

/** Whether some[from, to) is the same as bytes[start, end). */
export function sameBytes(
  some: Uint8Array,
  from: number,
  to: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const length = to - from;
  if (length !== end - start) return false;
  // From the end: keys of one kind begin alike.
  for (let i = length - 1; i >= 0; i--) if (some[from + i] !== bytes[start + i]) return false;
  return true;
}

function decodeName(bytes: Uint8Array, start: number, end: number, huffman: boolean): HeaderName | null {
  if (!huffman) return peerName(Buffer.from(bytes.subarray(start, end)).toString('latin1'));
  const room = (end - start) * 2;
  const into = room <= scratch.length ? scratch : new Uint8Array(room);
  const length = huffmanDecode(bytes, start, end, into);
  return length < 0 ? null : peerName(Buffer.from(into.buffer, 0, length).toString('latin1'));
}
