import { parseArgs } from 'node:util';
import { addCounts, type Counts, noCounts, outsidePromises } from './batch.ts';
import { inProcesses } from './parallel/processes.ts';
import { planOf } from './plan.ts';
import { planted as allPlanted } from './planted/index.ts';
import { scaleTable } from './scale/table.ts';
import { shrunk } from './shrink.ts';
import { type Outcome, simulate } from './simulate.ts';
import { storyOf } from './story.ts';

/**
 * `npm run simulate`: many changes with faults, on simulated machines.
 *   --seed N       the run of this seed again; with --changes: the first of many
 *   --changes N    runs until so many changes were made, on all cores
 *   --shards KIND  plain, fencing or mixed; the seed decides if it is not given
 *   --planted NAME with a fault in the product; `all`: how many runs it takes to find each
 *   --scale        what one change costs the registry in larger and larger installations
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    changes: { type: 'string' },
    shards: { type: 'string' },
    planted: { type: 'string' },
    scale: { type: 'boolean' },
  },
});

const shards = (['plain', 'fencing', 'mixed'] as const).find((kind) => kind === values.shards);
const planted = allPlanted.find(({ name }) => name === values.planted) ?? null;
/** What is not found in so many runs is not found. */
const MAX_RUNS_TO_FIND = 300;
/** A process asks for its next runs every two seconds or so. */
const RUNS_A_JOB = 5;
const PROGRESS_EVERY_MS = 10_000;
const startedMs = performance.now();
const seed = Number(values.seed ?? 1);

if (values.scale === true) await outsidePromises(() => scaleTable(print));
else if (values.planted === 'all') await findAll();
else if (values.planted !== undefined && planted === null) print(allPlanted.map(({ name }) => name).join('\n'));
else if (values.seed === undefined || values.changes !== undefined) await runMany(Number(values.changes ?? 1000));
else await outsidePromises(runOne);

/** Each planted fault: how many runs, and changes, it takes until something does not hold. */
async function findAll(): Promise<void> {
  const left = [...allPlanted];
  const lines = new Map<string, string>();
  const unprinted = allPlanted.map(({ name }) => name);
  print('| planted | what did not hold | runs | changes |\n| --- | --- | --- | --- |');
  const next = () => {
    const fault = left.shift();
    return fault === undefined ? null : { seed, runs: MAX_RUNS_TO_FIND, shards: fault.shards, planted: fault.name };
  };
  await inProcesses(next, (job, { counts, broken }) => {
    if (broken === null) process.exitCode = 1;
    const rule = broken?.violation?.rule ?? 'NOT FOUND';
    lines.set(job.planted ?? '', `| ${job.planted} | ${rule} | ${counts.runs} | ${counts.changes} |`);
    while (lines.has(unprinted[0] ?? '')) print(lines.get(unprinted.shift() as string) as string);
  });
}

function runOne(): void {
  const outcome = simulate(planOf(seed, { shards }), planted);
  print(`seed ${seed}: trace ${outcome.trace}`);
  printCounts({ runs: 1, ...outcome }, process.cpuUsage().user / 1000);
  if (outcome.violation !== null) explain(outcome);
}

async function runMany(changes: number): Promise<void> {
  const counts = noCounts();
  let cpuMs = 0;
  let nextSeed = seed;
  let nextMs = startedMs;
  let broken: Outcome | null = null;
  const next = () => {
    if (counts.changes >= changes || broken !== null) return null;
    const job = { seed: nextSeed, runs: RUNS_A_JOB, shards, planted: planted?.name ?? null };
    nextSeed += RUNS_A_JOB;
    return job;
  };
  await inProcesses(next, (_job, done) => {
    addCounts(counts, done.counts);
    cpuMs += done.cpuMs;
    if (done.broken !== null && (broken === null || done.broken.plan.seed < broken.plan.seed)) broken = done.broken;
    if (!process.stderr.isTTY || performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_EVERY_MS;
    process.stderr.write(`\r${counts.changes} changes `);
  });
  print(`seeds ${seed} to ${nextSeed - 1}`);
  printCounts(counts, cpuMs);
  const first: Outcome | null = broken;
  if (first !== null) await outsidePromises(() => explain(first));
}

function printCounts(
  { runs, changes, faults, serves, acknowledged, excused, events, lastedMs }: Counts,
  cpuMs: number,
): void {
  const tookMs = performance.now() - startedMs;
  print(
    `${runs} runs: ${changes} changes, ${faults} faults, ${serves} serves, ${acknowledged} calls answered, ${excused} failed for a fault; ` +
      `${events} events in ${(lastedMs / 60_000).toFixed(1)} simulated minutes, which took ${(tookMs / 1000).toFixed(1)} s, ${(cpuMs / 1000).toFixed(1)} s of CPU`,
  );
}

/** Shortens a run that broke a rule as far as possible, and tells its story. */
function explain(outcome: Outcome): void {
  process.exitCode = 1;
  const { violation, plan } = outcome;
  print(`BROKEN ${violation?.rule}: ${violation?.what}`);
  const options = values.shards === undefined ? '' : ` --shards ${values.shards}`;
  print(`again: npm run simulate -- --seed ${plan.seed}${options}`);
  const shortest = shrunk(outcome, planted);
  print(`the story, with ${shortest.plan.faults.length} faults and ${shortest.plan.changes.length} changes:`);
  print(storyOf(shortest, planted));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
