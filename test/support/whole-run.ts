import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildCommand } from './build-command.ts';

/** In the environment of everything that a run of the tests starts, however far down. */
const MARK = 'KEYWAY_TEST_RUN';
/** So long what has been told to end may take on a busy machine. */
const ENDING_MS = 20_000;
const LOOK_EVERY_MS = 100;

/** Builds the command, and gives a run a folder for its files. @returns what fails the run where its tests leave processes or files behind */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Each project asks.
  if (process.env[MARK] !== undefined) return undefined;
  process.env.KEYWAY_BUILT = await buildCommand();
  const folder = mkdtempSync(join(tmpdir(), 'keyway-run-'));
  process.env.TMPDIR = folder;
  process.env[MARK] = randomUUID();
  return async () => {
    const processes = await leftProcesses(process.env[MARK] as string);
    const files = readdirSync(folder).filter((name) => name.startsWith('keyway-'));
    rmSync(folder, { recursive: true, force: true });
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    const left = [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...files];
    if (left.length > 0) throw new Error(`the tests have left behind:\n${left.join('\n')}`);
  };
}

interface LeftProcess {
  readonly pid: number;
  readonly command: string;
}

/** Those that bear the mark and do not end; none where the system shows no environments. */
async function leftProcesses(mark: string): Promise<readonly LeftProcess[]> {
  if (!existsSync('/proc/self/environ')) return [];
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const left = marked(`${MARK}=${mark}`);
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
      // It has ended meanwhile, or is somebody else's.
      return [];
    }
  });
}
