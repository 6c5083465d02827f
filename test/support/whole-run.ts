import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCommand } from './build-command.ts';
import { leftProcesses } from './left-processes.ts';

/** In the environment of everything that a run of the tests starts, however far down. */
const MARK = 'KEYWAY_TEST_RUN';
/** Builds the command, and gives a run a folder for its files. @returns what fails the run where its tests leave processes or files behind */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Each project asks.
  if (process.env[MARK] !== undefined) return undefined;
  // The tests' own clients are gRPC's, which would ask a proxy for loopback.
  for (const name of ['grpc_proxy', 'http_proxy', 'https_proxy']) delete process.env[name];
  process.env.KEYWAY_BUILT = await buildCommand();
  const folder = mkdtempSync(join(tmpdir(), 'keyway-run-'));
  process.env.TMPDIR = folder;
  process.env[MARK] = randomUUID();
  return async () => {
    const processes = await leftProcesses(`${MARK}=${process.env[MARK]}`);
    const files = readdirSync(folder).filter((name) => name.startsWith('keyway-'));
    rmSync(folder, { recursive: true, force: true });
    for (const { pid } of processes) process.kill(pid, 'SIGKILL');
    const left = [...processes.map(({ pid, command }) => `process ${pid}: ${command}`), ...files];
    if (left.length > 0) throw new Error(`the tests have left behind:\n${left.join('\n')}`);
  };
}
