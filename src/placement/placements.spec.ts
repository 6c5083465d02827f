import HashRing from 'hashring';
import { describe, expect, it } from 'vitest';
import { keyBytes, type Member, type Placement, type PlacementName, placementKinds } from './index.ts';
import { slotOf } from './slots/slots.ts';

const KEYS = Array.from({ length: 20_000 }, (_, i) => keyBytes(`project-${i % 97}/document-${i}`));
const member = (i: number, weight = 1): Member => ({ id: `s${i}`, hashKey: `10.0.0.${i}:9000`, weight });
const cluster = (size: number): Member[] => Array.from({ length: size }, (_, i) => member(i));

function build(name: PlacementName, members: readonly Member[]): Placement {
  return placementKinds[name].build(members, {});
}

/** The id of each key's owner. */
function owners(name: PlacementName, members: readonly Member[]): Array<string | undefined> {
  const placement = build(name, members);
  return KEYS.map((key) => members[placement.locate(key, 0, key.length)]?.id);
}

/**
 * What a placement promises. `departureSlack`: the share of the keys of others that may move when one member leaves;
 * `imbalance`: the largest share of one of ten members over its due.
 */
const promises: Record<PlacementName, { ordered: boolean; departureSlack: number; imbalance: number }> = {
  ringHash: { ordered: true, departureSlack: 0.25, imbalance: 1.5 },
  maglev: { ordered: false, departureSlack: 0.03, imbalance: 1.06 },
  fixedRing: { ordered: false, departureSlack: 0, imbalance: 1.3 },
  ketama: { ordered: false, departureSlack: 0, imbalance: 1.5 },
  slots: { ordered: true, departureSlack: 1, imbalance: 1.1 },
};

describe.each(Object.keys(placementKinds) as PlacementName[])('%s', (name) => {
  const promise = promises[name];

  it('finds no owner if there are no members', () => {
    const key = KEYS[0] as Uint8Array;
    expect(build(name, []).locate(key, 0, key.length)).toBe(-1);
  });

  it('gives all keys to a single member', () => {
    expect(new Set(owners(name, [member(3)]))).toEqual(new Set(['s3']));
  });

  it('gives nothing to a member of weight 0', () => {
    expect(owners(name, [member(0), member(1, 0), member(2)])).not.toContain('s1');
  });

  it('moves little but the keys of a member that leaves', () => {
    const before = owners(name, cluster(10));
    const after = owners(
      name,
      cluster(10).filter(({ id }) => id !== 's4'),
    );
    const others = before.filter((id) => id !== 's4').length;
    const moved = before.filter((id, i) => id !== 's4' && id !== after[i]).length;
    expect(moved / others).toBeLessThanOrEqual(promise.departureSlack);
  });

  it('spreads keys evenly over members of one weight', () => {
    const counts = new Map<string | undefined, number>();
    for (const id of owners(name, cluster(10))) counts.set(id, (counts.get(id) ?? 0) + 1);
    expect(counts.size).toBe(10);
    expect(Math.max(...counts.values()) / (KEYS.length / 10)).toBeLessThan(promise.imbalance);
  });

  it('allocates nothing for a look-up', () => {
    const placement = build(name, cluster(10));
    const lookUp = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const key = KEYS[i % KEYS.length] as Uint8Array;
        placement.locate(key, 0, key.length);
      }
    };
    lookUp(100_000);
    const before = process.memoryUsage().heapUsed;
    lookUp(300_000);
    // The smallest object has 12 bytes, and so many of them would still fit into the youngest generation uncollected.
    expect((process.memoryUsage().heapUsed - before) / 300_000).toBeLessThan(6);
  });

  it('looks only at the bytes that it is given', () => {
    const placement = build(name, cluster(10));
    const key = KEYS[7] as Uint8Array;
    const padded = new Uint8Array(key.length + 20).fill(0x7b);
    padded.set(key, 9);
    expect(placement.locate(padded, 9, 9 + key.length)).toBe(placement.locate(key, 0, key.length));
  });
});

const orderFree = (Object.keys(placementKinds) as PlacementName[]).filter((name) => !promises[name].ordered);

describe.each(orderFree)('%s', (name) => {
  it('does not depend on the order of the list', () => {
    expect(owners(name, cluster(10).reverse())).toEqual(owners(name, cluster(10)));
  });
});

describe('fixedRing', () => {
  it('moves to a newcomer its share of the keys, and nothing else', () => {
    const before = owners('fixedRing', cluster(4));
    const after = owners('fixedRing', cluster(5));
    const moved = before.filter((id, i) => id !== after[i]).length;
    expect(after.every((id, i) => id === before[i] || id === 's4')).toBe(true);
    expect(moved / KEYS.length).toBeLessThan(0.25);
  });
});

describe('ketama', () => {
  it('finds what the hashring package finds', () => {
    const members = cluster(7).map((each, i) => ({ ...each, weight: 1 + (i % 3) }));
    const library = new HashRing(Object.fromEntries(members.map(({ hashKey, weight }) => [hashKey, weight])), 'md5');
    const placement = build('ketama', members);
    for (const key of KEYS.slice(0, 3000)) {
      const text = Buffer.from(key).toString();
      expect(members[placement.locate(key, 0, key.length)]?.hashKey).toBe(library.get(text));
    }
  });
});

describe('slots', () => {
  it('hashes what stands in braces, as the Redis Cluster specification has it', () => {
    const slot = (key: string): number => slotOf(keyBytes(key), 0, keyBytes(key).length);
    expect(slot('123456789')).toBe(0x31c3 % 16384);
    expect(slot('{user1000}.following')).toBe(slot('{user1000}.followers'));
    expect(slot('{user1000}.following')).toBe(slot('user1000'));
    expect(slot('foo{}{bar}')).not.toBe(slot('bar'));
    expect(slot('foo{{bar}}zap')).toBe(slot('{bar'));
    expect(slot('foo{bar}{zap}')).toBe(slot('bar'));
  });

  it('gives slots to the members that name them', () => {
    const members: Member[] = [
      { ...member(0), slots: [[0, 99]] },
      {
        ...member(1),
        slots: [
          [100, 5000],
          [5002, 16383],
        ],
      },
      { ...member(2), slots: [[5001, 5001]] },
    ];
    const placement = build('slots', members);
    for (const key of KEYS) {
      const slot = slotOf(key, 0, key.length);
      expect(placement.locate(key, 0, key.length)).toBe(slot < 100 ? 0 : slot === 5001 ? 2 : 1);
    }
  });
});
