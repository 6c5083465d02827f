import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Scope } from '../../support/processes.ts';
import { runSeed } from '../../support/random.ts';
import { printJudgement } from '../print-judgement.ts';
import { runHousekeepingChaos } from './chaos.ts';

/** `npm run chaos:housekeeping -- --seconds 120`: prints what happens, what was counted, and what must not have happened. */
const program = new Command('chaos:housekeeping')
  .option('--seconds <number>', 'how long faults and changes go on', Number, 120)
  .option('--store <kind>', 'embedded or etcd', 'embedded')
  .option('--no-faults', 'planned changes only')
  .option('--history <file>', 'keep what was seen');
program.parse();
const options = program.opts<{ seconds: number; store: 'embedded' | 'etcd'; faults: boolean; history?: string }>();
const seed = runSeed();
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
print(`seed ${seed}: KEYWAY_SEED=${seed} npm run chaos:housekeeping -- ${process.argv.slice(2).join(' ')}`);
const scope = new Scope();
try {
  const { history, judgement } = await runHousekeepingChaos(scope, { ...options, seed }, print);
  if (options.history !== undefined) writeFileSync(options.history, JSON.stringify(history));
  printJudgement(judgement, print);
  process.exitCode = judgement.violations.length > 0 ? 1 : 0;
} finally {
  await scope.release();
}
