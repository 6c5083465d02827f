/**
 * `npm run conformance:redis`: what clients of Redis do, and the tests that they bring, with servers directly and through a router before the same
 * kind of servers. A test that passes directly and fails through the router has to have a reason in `reasons.ts`. Clients and suites are brought to
 * `.tools`, which takes minutes the first time.
 *
 *   node test/conformance/redis/run.ts [--only redis-py] [--target hidden] [--save FOLDER] [--valkey] [--write]
 *   node test/conformance/redis/run.ts --prepare     # brings them, and runs nothing
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchValkey } from '../../redis/valkey.ts';
import { demand } from '../../requirements.ts';
import { Scope } from '../../support/processes.ts';
import { countOf, type Outcome, type Outcomes, worse } from './outcomes.ts';
import { reasonFor } from './reasons.ts';
import { type Compared, writeDocs } from './report.ts';
import type { Suite } from './suite.ts';
import { goRedis } from './suites/go-redis.ts';
import { ioredis } from './suites/ioredis.ts';
import { javaClients } from './suites/java.ts';
import { nodeRedis } from './suites/node-redis.ts';
import { redisBenchmark } from './suites/redis-benchmark.ts';
import { redisCli } from './suites/redis-cli.ts';
import { redisPy } from './suites/redis-py.ts';
import { startTarget, type TargetName } from './targets.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    target: { type: 'string', default: '' },
    save: { type: 'string' },
    prepare: { type: 'boolean', default: false },
    valkey: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

const all: readonly Suite[] = [
  ...redisCli,
  ...ioredis,
  ...nodeRedis,
  ...javaClients,
  ...redisBenchmark,
  goRedis,
  ...redisPy,
];
const suites = all.filter(({ name }) => name.includes(values.only));
const folder = values.save ?? mkdtempSync(join(tmpdir(), 'keyway-redis-clients-'));
const program = values.valkey ? fetchValkey() : 'redis-server';

async function runOn(suite: Suite, name: TargetName, only?: readonly string[]): Promise<Outcomes> {
  const scope = new Scope();
  const again = only === undefined ? '' : '-again';
  const report = join(folder, `${suite.name}-${name}${again}`.replaceAll(/\W+/g, '-'));
  try {
    const outcomes = await suite.run(await startTarget(scope, name, program), report, only);
    process.stderr.write(`${suite.name}, ${name}: ${countOf(outcomes, 'passed')} of ${outcomes.size} passed\n`);
    return outcomes;
  } finally {
    await scope.release();
  }
}

/** What all of them come to, or the first fault, once all of them have ended: none leaves servers behind. */
async function allOf<T>(runs: ReadonlyArray<Promise<T>>): Promise<T[]> {
  await Promise.allSettled(runs);
  return Promise.all(runs);
}

/** What became of a test, where it ran. */
function pick(outcomes: Outcomes, test: string): Array<[string, Outcome]> {
  const outcome = outcomes.get(test);
  return outcome === undefined || outcome.result === 'skipped' ? [] : [[test, outcome]];
}

/** What is worse through the router, twice: on a busy machine a test may fail that is not at fault. */
async function compare(suite: Suite, direct: Outcomes, name: TargetName, first: Outcomes): Promise<Compared> {
  const suspected = worse(direct, first).filter((each) => reasonFor(name, each) === null);
  const names = suspected.map(({ test }) => test);
  const again: Outcomes = names.length === 0 ? new Map() : await runOn(suite, name, names);
  const through = new Map([...first, ...names.flatMap((test) => pick(again, test))]);
  const explained = worse(direct, through).map((each) => ({ ...each, reason: reasonFor(name, each) }));
  return { suite: suite.name, target: name, direct, through, worse: explained };
}

async function main(): Promise<number> {
  demand([...new Set(['redis', ...suites.flatMap(({ needs }) => needs)])], true);
  for (const suite of suites) {
    process.stderr.write(`${suite.name}: preparing\n`);
    await suite.prepare();
  }
  if (values.prepare) return 0;
  mkdirSync(folder, { recursive: true });
  const compared: Compared[] = [];
  for (const suite of suites)
    for (const { direct, through } of suite.matchups) {
      const wanted = through.filter((name) => name.includes(values.target));
      if (wanted.length === 0) continue;
      // Beside each other: most of their time they wait.
      const [baseline, ...firsts] = await allOf([direct, ...wanted].map((name) => runOn(suite, name)));
      for (const [i, name] of wanted.entries())
        compared.push(await compare(suite, baseline as Outcomes, name, firsts[i] as Outcomes));
    }
  if (values.write) writeDocs(compared);
  const unexplained = compared.flatMap(({ suite, target, worse: tests }) =>
    tests.flatMap(({ test, message, reason }) =>
      reason === null ? [`${suite} | ${target} | ${test} | ${message}`] : [],
    ),
  );
  writeFileSync(join(folder, 'unexplained.txt'), unexplained.join('\n'));
  for (const line of unexplained) process.stdout.write(`FOR NO REASON: ${line.replaceAll(/\s+/g, ' ')}\n`);
  process.stdout.write(
    `${unexplained.length} tests fail through the router for no reason that is known; reports: ${folder}\n`,
  );
  return unexplained.length;
}

process.exit((await main()) === 0 ? 0 : 1);
