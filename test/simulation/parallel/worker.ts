import { outsidePromises, simulateMany } from '../batch.ts';
import { planted } from '../planted/index.ts';
import type { Done, Job } from './job.ts';

/** A process that carries jobs out, one after the other, until its parent ends it. */
process.on('message', async (job: Job) => {
  const fault = job.planted === null ? null : (planted.find(({ name }) => name === job.planted) ?? null);
  if (job.planted !== null && fault === null) throw new Error(`no fault is called ${job.planted}`);
  const before = process.cpuUsage();
  const batch = await outsidePromises(() => simulateMany({ ...job, planted: fault }));
  const { user, system } = process.cpuUsage(before);
  process.send?.({ ...batch, cpuMs: (user + system) / 1000 } satisfies Done);
});
