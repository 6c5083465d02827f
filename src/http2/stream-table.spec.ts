import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Stream } from '../http/stream.ts';
import { StreamTable } from './stream-table.ts';

const stream = (id: number): Stream => ({ id }) as Stream;

it('holds what a map would, whichever ids come and go', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 4000 })), { maxLength: 3000 });
  fc.assert(
    fc.property(steps, (list) => {
      const table = new StreamTable();
      const model = new Map<number, Stream>();
      for (const [adds, n] of list) {
        const id = 2 * n + 1;
        const known = model.get(id);
        if (adds && known === undefined) {
          const made = stream(id);
          model.set(id, made);
          table.add(made);
        } else if (!adds && known !== undefined) {
          model.delete(id);
          table.remove(known);
        }
        expect(table.get(id)).toBe(model.get(id) ?? null);
      }
      expect(table.count).toBe(model.size);
      const visited: number[] = [];
      table.forEach((each) => {
        visited.push(each.id);
        table.remove(each);
      });
      expect(visited.sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b));
      expect(table.count).toBe(0);
    }),
    { numRuns: 30 },
  );
});

it('holds ten thousand streams that stay open', () => {
  const table = new StreamTable();
  const all = Array.from({ length: 10_000 }, (_, i) => stream(2 * i + 1));
  for (const each of all) table.add(each);
  expect(all.every((each) => table.get(each.id) === each)).toBe(true);
});
