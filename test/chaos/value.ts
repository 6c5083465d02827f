import { createHash } from 'node:crypto';

/** A put's value: its call's id, and as much behind it as is asked for, which is the same for the same id. */
export function contentOf(id: string, bytes: number): Buffer {
  const head = `${id}:`;
  return Buffer.from(head + id.repeat(Math.ceil(Math.max(0, bytes - head.length) / id.length)));
}

/** What histories have in a value's place: the id alone where all of it is as it was put; empty for none. */
export function valueText(value: Uint8Array): string {
  if (value.length === 0) return '';
  const bytes = Buffer.from(value);
  const id = bytes.toString('latin1', 0, Math.max(0, bytes.indexOf(':')));
  if (id !== '' && contentOf(id, bytes.length).equals(bytes)) return id;
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  return `damaged ${bytes.toString('latin1', 0, 20)}… (${bytes.length} bytes, ${digest})`;
}
