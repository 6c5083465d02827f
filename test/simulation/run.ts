import { parseArgs } from 'node:util';
import { type Counts, outsidePromises, simulateMany } from './batch.ts';
import { planOf } from './plan.ts';
import { planted as allPlanted } from './planted.ts';
import { shrunk } from './shrink.ts';
import { type Outcome, simulate } from './simulate.ts';
import { storyOf } from './story.ts';

/**
 * `npm run simulate`: many changes with faults, on machines that are simulated.
 *   --seed N       the run of this seed, again; with --changes: the first of many
 *   --changes N    runs until so many changes were made
 *   --shards KIND  plain or fencing; by the seed where it is not given
 *   --planted NAME with a fault in the product; `all`: how many runs it takes to find each
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    changes: { type: 'string' },
    shards: { type: 'string' },
    planted: { type: 'string' },
  },
});

const shards = values.shards === 'plain' || values.shards === 'fencing' ? values.shards : undefined;
const planted = allPlanted.find(({ name }) => name === values.planted) ?? null;
/** What is not found in so many runs is not found. */
const MOST_RUNS_TO_FIND = 100;
const startedMs = performance.now();
const seed = Number(values.seed ?? 1);

await outsidePromises(() => {
  if (values.planted === 'all') findAll();
  else if (values.planted !== undefined && planted === null) print(allPlanted.map(({ name }) => name).join('\n'));
  else if (values.seed === undefined || values.changes !== undefined) many();
  else one();
});

/** Each planted fault: how many runs, and changes, it takes until something does not hold. */
function findAll(): void {
  for (const each of allPlanted) {
    const { counts, broken } = simulateMany({ seed, runs: MOST_RUNS_TO_FIND, shards: each.shards, planted: each });
    if (broken === null) process.exitCode = 1;
    print(`${broken?.violation?.rule ?? 'NOT FOUND'} | ${counts.runs} | ${counts.changes} | ${each.name}`);
  }
}

function one(): void {
  const outcome = simulate(planOf(seed, { shards }), planted);
  print(`seed ${seed}: trace ${outcome.trace}`);
  tell({ runs: 1, ...outcome });
  if (outcome.violation !== null) explain(outcome);
}

function many(): void {
  const changesInAll = Number(values.changes ?? 1000);
  let nextMs = startedMs;
  const onRun = (_outcome: Outcome, counts: Counts): void => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + 10_000;
    if (process.stderr.isTTY) process.stderr.write(`\r${counts.changes} changes `);
  };
  const { counts, broken } = simulateMany({ seed, changesInAll, shards, planted, onRun });
  tell(counts);
  if (broken !== null) explain(broken);
}

function tell({ runs, changes, faults, serves, acknowledged, excused, events, lastedMs }: Counts): void {
  const tookMs = performance.now() - startedMs;
  const cpuMs = process.cpuUsage().user / 1000;
  print(
    `${runs} runs: ${changes} changes, ${faults} faults, ${serves} serves, ${acknowledged} calls answered, ${excused} failed for a fault; ` +
      `${events} events in ${(lastedMs / 60_000).toFixed(1)} simulated minutes, which took ${(tookMs / 1000).toFixed(1)} s, ${(cpuMs / 1000).toFixed(1)} s of CPU`,
  );
}

/** A run that broke a rule, as short as it can be had. */
function explain(outcome: Outcome): void {
  process.exitCode = 1;
  const { violation, plan } = outcome;
  print(`BROKEN ${violation?.rule}: ${violation?.what}`);
  print(
    `again: npm run simulate -- --seed ${plan.seed}${values.shards === undefined ? '' : ` --shards ${values.shards}`}`,
  );
  const shortest = shrunk(outcome, planted);
  print(`the story, with ${shortest.plan.faults.length} faults and ${shortest.plan.changes.length} changes:`);
  print(storyOf(shortest, planted));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
