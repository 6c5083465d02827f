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
