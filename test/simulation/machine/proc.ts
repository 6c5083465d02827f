import type { SimulatedProcess } from './process.ts';

const STAT = /^\/proc\/(\d+)\/stat$/;
/** proc_pid_stat(5): the fields between a process' state and when it began. */
const BETWEEN = Array.from({ length: 18 }, () => '0').join(' ');

/** What a process reads from `/proc` on its simulated machine; null: the file is none that is simulated. @throws Error ENOENT */
export function procFile({ machine }: SimulatedProcess, path: string): string | null {
  if (path === '/proc/sys/kernel/random/boot_id') return `${machine.name}\n`;
  if (path === '/proc/self/ns/pid') return 'pid:[1]';
  const [, pid] = STAT.exec(path) ?? [];
  if (pid === undefined) return null;
  const process = machine.processes.get(Number(pid));
  if (process === undefined || process.isOver) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  return `${pid} (node) S ${BETWEEN} ${process.started} 0`;
}
