import { OwnThread } from './own-thread.ts';
import type { RouterThreads, RouterThreadsOptions } from './router-threads.ts';
import { WorkerThreads } from './worker-threads.ts';

/** One worker routes on the calling thread; more get a thread each and the kernel spreads connections by SO_REUSEPORT. */
export function routerThreads(workers: number, options: RouterThreadsOptions): RouterThreads {
  return workers === 1 ? new OwnThread(options) : new WorkerThreads(workers, options);
}
