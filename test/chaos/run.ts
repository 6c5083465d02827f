import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Scope } from '../support/processes.ts';
import { runSeed } from '../support/random.ts';
import { runChaos } from './chaos.ts';
import type { ShardKinds } from './keyway-world.ts';
import { buildPorcupine, checkLinearizability } from './linearizability/porcupine.ts';
import { printJudgement } from './print-judgement.ts';

/** `npm run chaos -- --seconds 120 --store etcd`: prints what happens, what was counted, and what must not have happened. */
const program = new Command('chaos')
  .option('--seconds <number>', 'how long faults and changes go on', Number, 120)
  .option('--store <kind>', 'embedded or etcd; envoy for Envoys in place of routers', 'embedded')
  .option(
    '--shards <kinds>',
    'plain, fencing, mixed, sidecar or participant: whether they take part in handoffs, and how; with Envoys plain, or the reference shard',
    'fencing',
  )
  .option('--callers <number>', 'clients that put and get', Number, 120)
  .option('--watchers <number>', 'clients that watch', Number, 80)
  .option('--think-ms <number>', 'how long a caller waits between calls, in the mean', Number, 250)
  .option('--no-faults', 'planned changes only')
  .option('--alike', 'clients speak gRPC alone, as with Envoys')
  .option('--seed <number>', 'the same changes and faults again', Number, runSeed())
  .option(
    '--history <file>',
    'keep what was seen; without it in a temporary folder, where something must not have been',
  );
program.parse();
const options = program.opts<{
  seconds: number;
  store: 'embedded' | 'etcd' | 'envoy';
  shards: ShardKinds;
  callers: number;
  watchers: number;
  thinkMs: number;
  faults: boolean;
  alike?: true;
  seed: number;
  history?: string;
}>();
const { seed, history: historyFile } = options;
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const seedless = process.argv.slice(2).filter((arg, i, all) => arg !== '--seed' && all[i - 1] !== '--seed');
const replay = ['npm run chaos --', ...seedless, '--seed', seed].join(' ');
print(replay);
buildPorcupine();
const scope = new Scope();
try {
  const { history, judgement } = await runChaos(
    scope,
    { ...options, replay, isVaried: options.store !== 'envoy' && options.alike !== true },
    print,
  );
  const folder = mkdtempSync(join(tmpdir(), 'keyway-chaos-'));
  const linearizability = await checkLinearizability(history, folder);
  const violations = [...judgement.violations, ...linearizability.violations];
  printJudgement({ violations, counts: { ...judgement.counts, ...linearizability.counts } }, print);
  const file = historyFile ?? (violations.length > 0 ? join(folder, 'history.json') : null);
  if (file !== null) writeFileSync(file, JSON.stringify(history));
  if (violations.length > 0) {
    print(`what was seen is in ${file}; the same again: ${replay}`);
    process.exitCode = 1;
  } else rmSync(folder, { recursive: true });
} finally {
  await scope.release();
}
