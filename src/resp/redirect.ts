import { Buffer } from 'node:buffer';
import { CR, ReplyType } from './reply-type.ts';

/** Where a server of a Redis cluster sends a client for a slot. */
export interface Redirect {
  /** ASK: for this one command, behind ASKING. MOVED: from now on. */
  readonly kind: 'moved' | 'ask';
  readonly slot: number;
  /** As the server spells it; a host may be empty, which means the one that was asked (CLUSTER SLOTS). */
  readonly address: string;
}

const SPACE = 0x20;

/** Whether bytes[start, end) is an error with this code, which is its first word. */
export function errorCodeIs(bytes: Uint8Array, start: number, end: number, code: string): boolean {
  const codeEnd = start + 1 + code.length;
  if (bytes[start] !== ReplyType.Error || codeEnd >= end) return false;
  for (let i = 0; i < code.length; i++) if (bytes[start + 1 + i] !== code.charCodeAt(i)) return false;
  return bytes[codeEnd] === SPACE || bytes[codeEnd] === CR;
}

/** What a whole error says about another server; null for any other reply, and where a redirect names no slot or address. */
export function redirectOf(bytes: Uint8Array, start: number, end: number): Redirect | null {
  const isAsk = errorCodeIs(bytes, start, end, 'ASK');
  if (!isAsk && !errorCodeIs(bytes, start, end, 'MOVED')) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  const [, slot, address] = text.trim().split(' ');
  if (slot === undefined || address === undefined || !/^\d{1,5}$/.test(slot)) return null;
  return { kind: isAsk ? 'ask' : 'moved', slot: Number(slot), address };
}
