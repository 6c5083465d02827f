import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteQueue } from './byte-queue.ts';

it('gives back the bytes in their order, however they were added and taken', () => {
  const steps = fc.array(fc.oneof(fc.nat(40_000), fc.constant(1)), { maxLength: 60 });
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.nat(9)), (sizes, dice) => {
      const queue = new ByteQueue();
      const sent: number[] = [];
      const taken: number[] = [];
      const take = (count: number): void => {
        const upTo = Math.min(queue.end, queue.start + count);
        for (let i = queue.start; i < upTo; i++) taken.push(queue.block[i] as number);
        queue.consume(upTo - queue.start);
      };
      for (const size of sizes) {
        const bytes = Uint8Array.from({ length: size + 2 }, (_, i) => (sent.length + i * 7) & 0xff);
        queue.append(bytes, 1, size + 1);
        sent.push(...bytes.subarray(1, size + 1));
        expect(queue.length).toBe(sent.length - taken.length);
        if (queue.length > 0 && (dice.next().value as number) > 4) take(1 + (dice.next().value as number) * 3000);
      }
      const visited: number[] = [];
      queue.forEach((bytes, start, end) => visited.push(...bytes.subarray(start, end)));
      expect(visited).toEqual(sent.slice(taken.length));
      expect([...queue.takeAll()]).toEqual(visited);
      expect(queue.length).toBe(0);
    }),
    { numRuns: 30 },
  );
});

it('keeps single bytes in no more than twice their number', () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 200_000; i++) queue.append(Uint8Array.of(i), 0, 1);
  let kept = 0;
  let blocks = 0;
  queue.forEach((bytes) => {
    kept += bytes.length;
    blocks++;
  });
  expect(kept).toBeLessThan(2 * queue.length);
  expect(blocks).toBeLessThan(30);
});
