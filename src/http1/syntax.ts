/** What may stand in a request's line and Host; anything else could be another line, or another request, to somebody. */

/** A method, or a header's name (RFC 9110, 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII without `#`, which no request target has (RFC 9112, 3.2). */
export const TARGET = /^[!"$-~]+$/;
/** A host and port as RFC 3986 has them, without user information, which HTTP does not want (RFC 9110, 4.2.4). */
export const HOST_VALUE = /^[A-Za-z0-9._~!$&'()*+,;=%:[\]-]*$/;
