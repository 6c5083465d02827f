import { expect, it } from 'vitest';
import { type ContentAccount, HeldContent } from './held-content.ts';

/** Of an account, each request may take half of what is free. */
class Account implements ContentAccount {
  bytes = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  allows(bytes: number): boolean {
    return bytes <= this.#limit - this.bytes;
  }
}

const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.subarray(start, end)).toString('latin1');

it('passes on what it was given, marks the last piece, and keeps nothing', () => {
  const account = new Account(1e6);
  const held = new HeldContent(account);
  const text = Array.from({ length: 40_000 }, (_, i) => String(i % 10)).join('');
  for (const digit of text) held.append(Buffer.from(digit), 0, 1);
  expect([held.length, account.bytes]).toEqual([40_000, 40_000]);
  const pieces: Array<readonly [string, boolean]> = [];
  held.drain((bytes, start, end, isLast) => pieces.push([textOf(bytes, start, end), isLast]));
  expect(pieces.map(([piece]) => piece).join('')).toBe(text);
  expect(pieces.map(([, isLast]) => isLast)).toEqual(pieces.map((_, i) => i === pieces.length - 1));
  expect(pieces.length).toBeLessThan(20);
  expect([held.length, account.bytes]).toEqual([0, 0]);
});

it('says when more is waiting than allowed, and credits what is forgotten', () => {
  const account = new Account(1000);
  const [one, two] = [new HeldContent(account), new HeldContent(account)];
  const bytes = new Uint8Array(300);
  expect(one.append(bytes, 0, 300)).toBe(true);
  expect(two.append(bytes, 0, 300)).toBe(true);
  expect(two.append(bytes, 0, 300)).toBe(false);
  one.clear();
  one.clear();
  expect(account.bytes).toBe(600);
});
