import { afterEach, expect, it } from 'vitest';
import { Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';
import { faultOf } from './bounds.ts';
import { kinds, measureShapes, plainUsPerByte } from './measure.ts';
import { Rig } from './rig.ts';
import { Dice } from './shape.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('keeps memory and CPU in proportion to what clients and shards send, however it is split', async () => {
  const seed = runSeed();
  console.log(`KEYWAY_SEED=${seed}`);
  const rig = await Rig.start(scope);
  await measureShapes(rig, new Dice(seeded(seed + 1)), kinds.length, () => false);
  const plainUs = await plainUsPerByte(rig);
  const isTooMuch = (cost: Parameters<typeof faultOf>[0]): boolean => faultOf(cost, plainUs) !== null;
  const costs = await measureShapes(rig, new Dice(seeded(seed)), 3 * kinds.length, isTooMuch);
  expect(costs.map((cost) => faultOf(cost, plainUs)).filter((fault) => fault !== null)).toEqual([]);
}, 180_000);
