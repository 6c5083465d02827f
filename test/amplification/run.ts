import { Scope } from '../support/processes.ts';
import { runSeed, seeded } from '../support/random.ts';
import { cpuBound, faultOf, keptBound } from './bounds.ts';
import { measureShapes, plainUsPerByte } from './measure.ts';
import { type Cost, Rig } from './rig.ts';
import { Dice } from './shape.ts';

/** Prints what a byte costs, by kind of shape: `npm run bench:amplification -- 1000`. */
const count = Number(process.argv[2] ?? 1000);
const seed = runSeed();
const scope = new Scope();
let failed = false;
try {
  const rig = await Rig.start(scope);
  // What runs for the first time is compiled meanwhile.
  await measureShapes(rig, new Dice(seeded(seed + 1)), 44, () => false);
  const plainUs = await plainUsPerByte(rig);
  const costs = await measureShapes(rig, new Dice(seeded(seed)), count, (cost) => faultOf(cost, plainUs) !== null);
  process.stdout.write(
    `${costs.length} shapes, KEYWAY_SEED=${seed}; a byte of plain requests: ${(plainUs * 1000).toFixed(0)} ns\n\n`,
  );
  process.stdout.write(table(costs, plainUs));
  for (const cost of costs) {
    const fault = faultOf(cost, plainUs);
    if (fault === null) continue;
    failed = true;
    process.stdout.write(`\n${fault}`);
  }
} finally {
  await scope.release();
}
process.exit(failed ? 1 : 0);

/** What a byte costs beside what a connection and its streams may, and what measuring does. */
function table(costs: readonly Cost[], plainUs: number): string {
  const rows = Map.groupBy(costs, ({ shape }) => shape.kind);
  const lines = [...rows].map(([kind, all]) => {
    const kept = all.map(({ shape, keptBytes, cameBytes }) => (keptBytes - keptBound(shape, 0)) / cameBytes);
    const cpu = all.map(({ shape, cpuUs, cameBytes }) => (cpuUs - cpuBound(shape, 0, plainUs)) / cameBytes / plainUs);
    return `| ${kind} | ${all.length} | ${most(kept)} | ${most(cpu)} |`;
  });
  const head =
    '| what is sent | shapes | most bytes kept a byte | most CPU a byte, beside plain requests |\n| --- | --- | --- | --- |\n';
  return `${head}${lines.join('\n')}\n`;
}

function most(values: readonly number[]): string {
  return Math.max(0, ...values).toFixed(1);
}
