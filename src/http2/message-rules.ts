import { type Field, type HeaderBlock, NameKind, type Stream } from '../http/index.ts';

/** A request's method. Its pseudo-header fields stand first. */
export function methodOf(block: HeaderBlock): string {
  for (let i = 0; i < block.count; i++) {
    const field = block.fields[i] as Field;
    if (field.name.kind === NameKind.Method) return field.text;
  }
  return '';
}

/**
 * The bytes of content that an answer has to have; -1 where anything goes. Where there is none by definition, a
 * content-length describes another message (RFC 9113, 8.1.1).
 */
export function contentOfAnswer({ isHead }: Stream, status: number, contentLength: number): number {
  return isHead || status === 204 || status === 304 ? 0 : contentLength;
}
