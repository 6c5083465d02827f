import { readdirSync, readFileSync } from 'node:fs';

/**
 * User and system CPU seconds of a process, all of its threads, and its children that still run. A thread that has ended
 * is not counted, so that the figure is of use for what runs all the while.
 */
export function cpuSeconds(pid: number): number {
  return (
    family(pid)
      .flatMap(threadNanoseconds)
      .reduce((sum, each) => sum + each, 0) / 1e9
  );
}

/** Resident memory of a process and its children, in bytes. */
export function residentBytes(pid: number): number {
  return family(pid).reduce((sum, each) => sum + residentOf(each), 0);
}

function residentOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`));
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** Nanoseconds on a core: `stat` tells the same in ticks of 10 ms, too coarse for a slice of a fifth of a second. */
function threadNanoseconds(pid: number): number[] {
  return threadsOf(pid).map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0));
}

function family(pid: number): number[] {
  const children = threadsOf(pid)
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(' '))
    .filter((each) => each !== '')
    .map(Number);
  return [pid, ...children.flatMap(family)];
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
