import { NameKind } from './header-name.ts';

/**
 * What may stand in a request's line and Host; a server could read anything else as another line, or another request.
 */

/** A method, or a header's name (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII without `#`, which no request target has (RFC 9112, 3.2). */
export const TARGET = /^[!"$-~]+$/;
/**
 * A host, which may be empty, and a port, as RFC 3986, 3.2 has them, without the user information that no request may have
 * (RFC 9110, 4.2.4).
 */
export const HOST_VALUE = /^(?:\[[A-Za-z0-9._~!$&'()*+,;=%:-]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]{0,5})?$/;
/** RFC 3986, 3.1. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;

/** Whether a value has the form that its name asks for, beyond what every value has. */
export function hasFormOf(kind: NameKind, value: string): boolean {
  switch (kind) {
    case NameKind.Method:
      return TOKEN.test(value);
    case NameKind.Scheme:
      return SCHEME.test(value);
    case NameKind.Path:
      // RFC 9113, 8.3.1: the absolute form is HTTP/1.1's alone.
      return value === '*' || (value.startsWith('/') && TARGET.test(value));
    case NameKind.Authority:
    case NameKind.Host:
      return HOST_VALUE.test(value);
    default:
      return true;
  }
}
