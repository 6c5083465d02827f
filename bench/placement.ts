/**
 * `npm run bench:placement`: what each placement costs and how well it places. Time for a look-up, time and memory to
 * build, the share of keys that move when one shard leaves and when one joins (the least is 1/n and 1/(n+1)), and the
 * largest shard's share over its due.
 */
import { keyBytes, type Member, type Placement, type PlacementName, placementKinds } from '../src/placement/index.ts';

const SIZES = [10, 100, 1000, 10_000];
const KEYS = 100_000;
const LOOK_UPS = 2_000_000;

const keys = Array.from({ length: KEYS }, (_, i) => keyBytes(`project-${i % 997}/document-${i}`));
const member = (i: number): Member => ({
  id: `s${i}`,
  hashKey: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:9000`,
  weight: 1,
});

/** Maglev wants a table some hundred times the number of shards; its largest is 5,000,011. */
function optionsFor(name: PlacementName, size: number): Record<string, unknown> {
  if (name === 'maglev') return { tableSize: size <= 100 ? 65537 : size <= 1000 ? 655373 : 5_000_011 };
  // As many entries a shard as Envoy's default gives to ten.
  if (name === 'ringHash') return { minimumRingSize: Math.max(1024, size * 100) };
  return {};
}

function build(name: PlacementName, members: readonly Member[], size: number): Placement {
  return placementKinds[name].build(members, optionsFor(name, size));
}

function ownersOf(placement: Placement): Int32Array {
  return Int32Array.from(keys, (key) => placement.locate(key, 0, key.length));
}

function nanosecondsPerLookUp(placement: Placement): number {
  let sum = 0;
  const started = performance.now();
  for (let i = 0; i < LOOK_UPS; i++) {
    const key = keys[i % KEYS] as Uint8Array;
    sum += placement.locate(key, 0, key.length);
  }
  const elapsed = performance.now() - started;
  if (sum < 0) throw new Error('a key without an owner');
  return (elapsed / LOOK_UPS) * 1e6;
}

function moved(before: Int32Array, after: Int32Array, idBefore: (i: number) => number): number {
  let count = 0;
  before.forEach((owner, i) => {
    if (idBefore(owner) !== after[i]) count++;
  });
  return count / KEYS;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

console.log(
  '| placement | shards | ns a look-up | ms to build | KB | moved by a departure (least) | moved by a join (least) | largest share / due |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const name of Object.keys(placementKinds) as PlacementName[]) {
  for (const size of SIZES) {
    const members = Array.from({ length: size }, (_, i) => member(i));
    const started = performance.now();
    const placement = build(name, members, size);
    const buildMs = performance.now() - started;
    const owners = ownersOf(placement);
    // The last one leaves, so that the others keep their places in the list.
    const departed = ownersOf(build(name, members.slice(0, -1), size));
    const joined = ownersOf(build(name, [...members, member(size)], size));
    const counts = new Int32Array(size);
    for (const owner of owners) counts[owner] = (counts[owner] as number) + 1;
    const cells = [
      name,
      size,
      nanosecondsPerLookUp(placement).toFixed(0),
      buildMs.toFixed(1),
      (placement.sizeBytes / 1024).toFixed(0),
      `${percent(moved(owners, departed, (i) => i))} (${percent(1 / size)})`,
      `${percent(moved(owners, joined, (i) => i))} (${percent(1 / (size + 1))})`,
      (Math.max(...counts) / (KEYS / size)).toFixed(2),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
