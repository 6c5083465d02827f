import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { Scope } from '../support/processes.ts';
import { runSeed } from '../support/random.ts';
import { runChaos } from './chaos.ts';
import { tellJudgement } from './tell-judgement.ts';

/** `npm run chaos -- --seconds 120 --store etcd`: prints what happens, what was counted, and what must not have happened. */
const program = new Command('chaos')
  .option('--seconds <number>', 'how long faults and changes go on', Number, 120)
  .option('--store <kind>', 'embedded or etcd; envoy for Envoys in place of routers', 'embedded')
  .option('--callers <number>', 'clients that put and get', Number, 120)
  .option('--watchers <number>', 'clients that watch', Number, 80)
  .option('--think-ms <number>', 'how long a caller waits between calls, in the mean', Number, 250)
  .option('--no-faults', 'planned changes only')
  .option('--history <file>', 'keep what was seen');
program.parse();
const options = program.opts<{
  seconds: number;
  store: 'embedded' | 'etcd' | 'envoy';
  callers: number;
  watchers: number;
  thinkMs: number;
  faults: boolean;
  history?: string;
}>();
const seed = runSeed();
const tell = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
tell(`seed ${seed}: KEYWAY_SEED=${seed} npm run chaos -- ${process.argv.slice(2).join(' ')}`);
const scope = new Scope();
try {
  const { history, judgement } = await runChaos(scope, { ...options, seed }, tell);
  if (options.history !== undefined) writeFileSync(options.history, JSON.stringify(history));
  tellJudgement(judgement, tell);
  process.exitCode = judgement.violations.length > 0 ? 1 : 0;
} finally {
  await scope.release();
}
