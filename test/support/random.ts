export { seeded } from '../../src/load/index.ts';

/** The seed of this run: `KEYWAY_SEED`, to replay one that failed, or a new one. */
export function runSeed(): number {
  return Number(process.env.KEYWAY_SEED ?? Math.floor(Math.random() * 2 ** 31));
}
