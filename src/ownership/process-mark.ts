import { readFileSync, readlinkSync } from 'node:fs';

/** In `/proc/<pid>/stat`, behind the program's name, which may hold anything: proc_pid_stat(5), fields 3 and 22. */
const STATE = 0;
const STARTED = 19;

/**
 * Distinguishes a process from every other one, for others on its machine: boot, namespace of process ids, id, and when
 * it began, for ids come again. Empty where the system does not say (Linux does).
 */
export function processMark(pid: number): string {
  try {
    return `${machineMark()} ${pid} ${statOf(pid)[STARTED]}`;
  } catch {
    return '';
  }
}

/** Whether a process of a mark has certainly ended. Of another machine or container, that cannot be known here. */
export function hasEnded(mark: string): boolean {
  const [boot, namespace, pid, started] = mark.split(' ');
  try {
    if (`${boot} ${namespace}` !== machineMark()) return false;
  } catch {
    return false;
  }
  try {
    const now = statOf(Number(pid));
    return now[STARTED] !== started || now[STATE] === 'Z' || now[STATE] === 'X';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ESRCH';
  }
}

/** @throws Error where the system does not say */
function machineMark(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
}
