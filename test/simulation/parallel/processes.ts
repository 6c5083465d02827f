import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Done, Job } from './job.ts';

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url));
/** Most of what a run allocates dies young: a larger young generation halves what collecting costs. */
const WORKER_OPTIONS = ['--max-semi-space-size=64'];

/**
 * Carries jobs out in as many processes as there are cores. Each gets its next job once it is done with the last.
 * @param next null: there are no more
 * @throws Error where a process ends in the middle of a job
 */
export async function inProcesses(next: () => Job | null, onDone: (job: Job, done: Done) => void): Promise<void> {
  await Promise.all(Array.from({ length: availableParallelism() }, () => work(next, onDone)));
}

async function work(next: () => Job | null, onDone: (job: Job, done: Done) => void): Promise<void> {
  const worker = fork(WORKER, [], { execArgv: WORKER_OPTIONS, serialization: 'advanced' });
  try {
    for (let job = next(); job !== null; job = next()) onDone(job, await carryOut(worker, job));
  } finally {
    worker.kill();
  }
}

function carryOut(worker: ChildProcess, job: Job): Promise<Done> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a process ended with ${code} in seed ${job.seed}`));
    worker.once('exit', onExit);
    worker.once('message', (done) => {
      worker.off('exit', onExit);
      resolve(done as Done);
    });
    worker.send(job);
  });
}
