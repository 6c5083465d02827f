import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLS } from './processes.ts';

/** A suite that takes longer hangs, and has failed. */
const LIMIT_MS = 1_200_000;

/** Runs a program whose tests may fail: what became of them stands in what it prints, or in its report. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((done) => {
    const limits = { timeout: LIMIT_MS, maxBuffer: 2 ** 28, killSignal: 'SIGKILL' } as const;
    execFile(command, args, { ...options, ...limits }, (_error, stdout, stderr) => done(stdout + stderr));
  });
}

/**
 * A folder of `.tools` that a script makes, once.
 * @param made what is there once it has been made, in the folder
 * @returns the folder
 */
export function tool(name: string, made: string, script: string): string {
  const folder = join(TOOLS, name);
  if (existsSync(join(folder, made))) return folder;
  mkdirSync(folder, { recursive: true });
  execFileSync('sh', ['-ec', script], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
}
