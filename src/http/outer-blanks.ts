import { type Field, transientField } from './fields/index.ts';

/**
 * A field whose value begins or ends with a blank, which HTTP/2 forbids (RFC 9113, 8.2.1), as gRPC would have it: a status message
 * has its blanks percent-encoded, so that it stays the same, and other metadata is sent without ("gRPC over HTTP2", Custom-Metadata).
 * @returns null where the value has a character besides that no value may have
 */
export function withoutOuterBlanks({ name, text }: Field): Field | null {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  const inner = text.slice(start, end);
  const isMessage = name.text === 'grpc-message';
  const value = isMessage ? encoded(text.slice(0, start)) + inner + encoded(text.slice(end)) : inner;
  const trimmed = transientField(name.text, value);
  return trimmed.valid ? trimmed : null;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function encoded(blanks: string): string {
  return blanks.replaceAll(' ', '%20').replaceAll('\t', '%09');
}
