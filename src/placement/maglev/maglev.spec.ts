import { describe, expect, it } from 'vitest';
import type { Member } from '../placement.ts';
import { type MaglevTable, maglev } from './maglev.ts';

const members: Member[] = [90, 91, 92, 93, 94, 95].map((port) => ({
  id: `s${port}`,
  hashKey: `127.0.0.1:${port}`,
  weight: 1,
}));
const slotsOf = (list: readonly Member[], tableSize: number): readonly number[] =>
  (maglev.build(list, { tableSize }) as MaglevTable).slots();

describe('Maglev', () => {
  it("has the table of Envoy's own test", () => {
    expect(slotsOf(members, 7).map((owner) => 90 + owner)).toEqual([92, 94, 90, 91, 95, 90, 93]);
  });

  it('does not depend on the order of the list', () => {
    const turned = [...members].reverse();
    const ids = (list: readonly Member[]) => slotsOf(list, 65537).map((owner) => list[owner]?.id);
    expect(ids(turned)).toEqual(ids(members));
  });

  it('gives a shard slots in proportion to its weight', () => {
    const weighted = members.map((member, i) => ({ ...member, weight: i + 1 }));
    const counts = new Array<number>(6).fill(0);
    for (const owner of slotsOf(weighted, 65537)) counts[owner] = (counts[owner] as number) + 1;
    for (const [i, count] of counts.entries()) expect(count / 65537).toBeCloseTo((i + 1) / 21, 3);
  });
});
