import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a process that was told to end may take on a busy machine. */
const ENDING_MS = 20_000;
const LOOK_EVERY_MS = 100;

export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes with a mark in their environment, `NAME=value`, that do not end by themselves; none where the system shows no environments. What
 * this process has started itself does not count.
 */
export async function leftProcesses(mark: string): Promise<readonly LeftProcess[]> {
  if (!existsSync('/proc/self/environ')) return [];
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const left = marked(mark);
    if (left.length === 0 || waitedMs >= ENDING_MS) return left;
    await sleep(LOOK_EVERY_MS);
  }
}

function marked(variable: string): LeftProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable)) return [];
      const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      // The processes in which the tests themselves run.
      if (Number(parent) === process.pid) return [];
      return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
    } catch {
      // It has ended meanwhile, or is another user's.
      return [];
    }
  });
}
