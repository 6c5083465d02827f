import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SpaceSaving } from './space-saving.ts';

const COUNTERS = 8;

it('knows every name that comes often, and by how much its counts may be too high', () => {
  const skewed = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 30 }).map((n) => String(Math.floor((n * n) / 30))),
      fc.integer({ min: 1, max: 9 }),
    ),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(skewed, (stream) => {
      const sketch = new SpaceSaving(COUNTERS);
      const exact = new Map<string, number>();
      for (const [name, weight] of stream) {
        sketch.add(name, weight);
        exact.set(name, (exact.get(name) ?? 0) + weight);
      }
      const found = new Map(sketch.top(COUNTERS).map((each) => [each.name, each]));
      for (const { name, count, error } of found.values()) {
        expect(count).toBeGreaterThanOrEqual(exact.get(name) ?? 0);
        expect(count - error).toBeLessThanOrEqual(exact.get(name) ?? 0);
        expect(error).toBeLessThanOrEqual(sketch.total / COUNTERS);
      }
      for (const [name, count] of exact) if (count > sketch.total / COUNTERS) expect(found.has(name)).toBe(true);
    }),
  );
});

it('keeps as many names as it may, the most frequent first', () => {
  const sketch = new SpaceSaving(3);
  for (const name of ['a', 'b', 'b', 'c', 'c', 'c', 'd']) sketch.add(name);
  expect(sketch.top(2)).toEqual([
    { name: 'c', count: 3, error: 0 },
    { name: 'b', count: 2, error: 0 },
  ]);
  expect(sketch.top(9)).toHaveLength(3);
});
