import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteQueue } from './byte-queue.ts';

it('gives back the bytes in their order, however they were added and taken', () => {
  const steps = fc.array(fc.record({ size: fc.oneof(fc.nat(40_000), fc.constant(1)), taken: fc.nat(30_000) }));
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new ByteQueue();
      let sent = Buffer.alloc(0);
      let taken = Buffer.alloc(0);
      for (const { size, taken: most } of all) {
        const bytes = Buffer.alloc(size + 2, `${sent.length} `);
        queue.append(bytes, 1, size + 1);
        sent = Buffer.concat([sent, bytes.subarray(1, size + 1)]);
        if (queue.length === 0) continue;
        const upTo = Math.min(queue.end, queue.start + most);
        taken = Buffer.concat([taken, queue.block.subarray(queue.start, upTo)]);
        queue.consume(upTo - queue.start);
        expect(queue.length).toBe(sent.length - taken.length);
      }
      const visited: Uint8Array[] = [];
      queue.forEach((bytes, start, end) => {
        visited.push(bytes.subarray(start, end));
      });
      const rest = Buffer.concat(visited);
      expect(Buffer.concat([taken, rest]).equals(sent)).toBe(true);
      expect(queue.takeAll().equals(rest)).toBe(true);
      expect(queue.length).toBe(0);
    }),
    { numRuns: 50 },
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
