import { type Field, type HeaderBlock, type HeaderName, NameKind } from '../../../http/index.ts';
import { FORWARDED_NAMES } from './forwarded.ts';

/** Headers with this prefix are the router's to set: what a client sends of them is taken out. */
const OWN_PREFIX = 'x-keyway-';
/** `HeaderName.note`: looked at and ordinary, the router's own, or describing the path of a request. */
const ORDINARY = 1;
const OWN = 2;
const FORWARDED = 3;

/**
 * Whether a header is not a client's to say: the router's own, or for trusted proxies alone.
 * @param trustsProxies whether the client is taken for a proxy that is trusted
 */
export function isForbidden(name: HeaderName, trustsProxies: boolean): boolean {
  if (name.note === ORDINARY) return false;
  if (name.note === 0) name.note = noteOf(name);
  return name.note === OWN || (name.note === FORWARDED && !trustsProxies);
}

function noteOf(name: HeaderName): number {
  // What asks for HTTP/2 concerns the client's connection alone (RFC 7540, 3.2.1).
  if (name.text.startsWith(OWN_PREFIX) || name.text === 'http2-settings') return OWN;
  return FORWARDED_NAMES.has(name) ? FORWARDED : ORDINARY;
}

/** Takes out of a request's trailers what a shard might take for the router's word, or for the key by which the request was routed. */
export function cleanTrailers(block: HeaderBlock, keyHeader: HeaderName | null): void {
  for (let i = block.count - 1; i >= 0; i--) {
    const { name } = block.fields[i] as Field;
    if (name === keyHeader || (name.kind === NameKind.Other && isForbidden(name, false))) block.remove(i);
  }
}
