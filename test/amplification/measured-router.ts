import { RouterProcess } from '../../src/app/router-process.ts';
import { loadConfig } from '../../src/config/index.ts';

/** A router in a process of its own (with --expose-gc) that tells its parent what it keeps and what it has worked. */
const router = new RouterProcess(loadConfig(process.argv[2] as string));
const { ports } = await router.start();
process.send?.({ id: 0, port: ports[0] });

process.on('message', ({ id, collect }: { id: number; collect: boolean }) => {
  const { user, system } = process.cpuUsage();
  if (collect) for (let i = 0; i < 2; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ id, cpuUs: user + system, bytes: heapUsed + external });
});
process.on('disconnect', () => process.exit());
