import { expect, it } from 'vitest';
import { ReplayArena } from './replay-arena.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

it('gives back what it was handed in parts, with others between', () => {
  const arena = new ReplayArena();
  let one = arena.append(0, 0, bytes('hello '), 0, 6);
  const two = arena.append(0, 0, bytes('other'), 0, 5);
  one = arena.append(one, 6, bytes('xx world'), 3, 8);
  expect(Buffer.from(arena.read(one, 11) ?? []).toString()).toBe('hello world');
  expect(Buffer.from(arena.read(two, 5) ?? []).toString()).toBe('other');
});

it('never gives back anything else: what was overwritten is gone', () => {
  const arena = new ReplayArena();
  const kept = Array.from({ length: 120 }, (_, i) => {
    const text = `${i}:`.padEnd(20_000 + i, String(i % 10));
    return { text, at: arena.append(0, 0, bytes(text), 0, text.length) };
  });
  const found = kept.filter(({ text, at }) => {
    const read = arena.read(at, text.length);
    if (read !== null) expect(Buffer.from(read).toString()).toBe(text);
    return read !== null;
  });
  expect(found.length).toBeGreaterThan(40);
  expect(found.length).toBeLessThan(55);
});

it('keeps no request that is too long', () => {
  const arena = new ReplayArena();
  const at = arena.append(0, 0, new Uint8Array(60_000), 0, 60_000);
  expect(arena.append(at, 60_000, new Uint8Array(6000), 0, 6000)).toBe(-1);
});

it('copies no more than a few times what it keeps, however small the pieces are and whoever sends between them', () => {
  const arena = new ReplayArena();
  const pieces = Buffer.alloc(10_000, 'x');
  const kept = [
    { at: 0, text: '' },
    { at: 0, text: '' },
    { at: 0, text: '' },
  ];
  const bytesKept = kept.length * pieces.length;
  for (let i = 0; i < pieces.length; i++) {
    for (const [which, each] of kept.entries()) {
      const piece = Buffer.from(String((i + which) % 10));
      each.at = arena.append(each.at, each.text.length, piece, 0, 1);
      each.text += piece.toString();
    }
  }
  for (const { at, text } of kept) expect(Buffer.from(arena.read(at, text.length) ?? []).toString()).toBe(text);
  expect(arena.moved).toBeLessThan(6 * bytesKept);
});
