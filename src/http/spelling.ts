/**
 * One spelling for texts of which URIs allow several. `/docs/%68i` means `/docs/hi`, and both have to reach one shard.
 * That two things get one spelling does no harm, since they then share an owner; that one thing keeps two would.
 */

const HEX_BYTES = /%([0-9A-Fa-f]{2})/g;
/** What has one spelling as it stands: nothing is encoded, no segment is a dot, nothing has to be encoded. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9\-._~!$&'()*+,;=:@]*)*$/;
/** RFC 3986, 3.3: what a segment of a path may hold without being encoded. */
const PATH_CHARACTER = /[A-Za-z0-9\-._~!$&'()*+,;=:@]/;
const NO_PATH_CHARACTER = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;
/** RFC 3986, 2.3: what means the same encoded and plain, wherever it stands. */
const UNRESERVED = /[A-Za-z0-9\-._~]/;

const encoded = (code: number): string => `%${code.toString(16).toUpperCase().padStart(2, '0')}`;

/** Decodes what may stand plain, and writes the rest in one way. @param plain what may; matched against one character */
function normalized(text: string, plain: RegExp): string {
  return text.replace(HEX_BYTES, (_all, hex: string) => {
    const code = Number.parseInt(hex, 16);
    const character = String.fromCharCode(code);
    return plain.test(character) ? character : encoded(code);
  });
}

/**
 * The one spelling of a path, without its query (RFC 3986, 6.2.2): nothing is percent-encoded that may stand in a segment,
 * hexadecimal digits are capitals, and there are no dot segments. An encoded slash stays one. @param path latin1
 */
export function canonicalPath(path: string): string {
  return PLAIN_PATH.test(path) || !path.startsWith('/') ? path : withoutDotSegments(canonicalSegments(path));
}

/** The same for what a path begins with: a last segment of dots may be the beginning of another. */
export function canonicalSegments(path: string): string {
  return normalized(path, PATH_CHARACTER).replace(NO_PATH_CHARACTER, (each) => encoded(each.charCodeAt(0)));
}

/** RFC 3986, 5.2.4. */
function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, i) => {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') kept.pop();
    if (!isDots) kept.push(segment);
    else if (i === segments.length - 1) kept.push('');
  });
  return `/${kept.join('/')}`;
}

/**
 * The spelling of a value in a query as far as every reader of queries agrees: letters, digits and `-._~` are plain, hexadecimal
 * digits are capitals (RFC 3986, 6.2.2). All else stays as it came, and so where Envoy, which hashes the text as it came, has it.
 */
export function canonicalQueryText(text: string): string {
  return text.includes('%') ? normalized(text, UNRESERVED) : text;
}

/** What an encoded text of a query stands for (WHATWG URL, application/x-www-form-urlencoded). @returns latin1, as `text` is */
export function decodedQueryText(text: string): string {
  const decoded = (_all: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
  return text.replaceAll('+', ' ').replace(HEX_BYTES, decoded);
}
