import { z } from 'zod';
import type { Hash64 } from '../../src/placement/hash/u64.ts';
import type { Member, Placement, PlacementKind } from '../../src/placement/index.ts';
import { table } from '../../src/placement/partition.ts';
import { sharedWords } from '../../src/placement/shared-tables.ts';

const options = z.strictObject({
  step: z
    .int()
    .max(256)
    .superRefine((step, context) => {
      if (step < 1) context.addIssue(`${step} would leave all keys to one shard; write 1 or more`);
    })
    .default(1)
    .describe('How many values of the first byte a shard has before the next one has its turn.'),
});

/** A placement to throw away: keys go by their first byte, to the members in turn. */
export const firstByte: PlacementKind<typeof options> = {
  about: 'Keys by their first byte.',
  options,
  sizeOption: 'step',
  build(members: readonly Member[], { step = 1 }) {
    const owners = sharedWords(256).fill(-1);
    for (let byte = 0; byte < 256 && members.length > 0; byte++)
      owners[byte] = Math.floor(byte / step) % members.length;
    return new FirstByteTable(owners);
  },
  open: ([owners]) => new FirstByteTable(owners as Int32Array),
};

class FirstByteTable implements Placement {
  readonly tables: readonly [Int32Array];

  constructor(owners: Int32Array) {
    this.tables = [owners];
  }

  locate(key: Uint8Array, start: number, end: number): number {
    return this.tables[0][end > start ? (key[start] as number) : 0] as number;
  }

  hash(key: Uint8Array, start: number, end: number, into: Hash64): void {
    into.hi = 0;
    into.lo = end > start ? (key[start] as number) : 0;
  }

  point(key: Uint8Array, start: number, end: number, into: Hash64): void {
    this.hash(key, start, end, into);
  }

  partition() {
    return table('firstByte', this.tables[0]);
  }

  get sizeBytes(): number {
    return this.tables[0].byteLength;
  }
}
