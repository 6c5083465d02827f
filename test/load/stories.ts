import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadReport } from '../../src/load/index.ts';
import { freePorts, KEYWAY, type Scope } from '../support/processes.ts';

/** What a story asks its ports to be: the endpoint, and so many behind it. */
const PORTS_OF_A_STORY = 20;

export interface Story {
  readonly code: number | string | null;
  readonly output: string;
  readonly report: LoadReport;
  /** Where its files are. */
  readonly out: string;
}

/** Runs one of examples/stories to its end, with small numbers. */
export async function runStory(
  scope: Scope,
  name: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Story> {
  const script = fileURLToPath(new URL(`../../examples/stories/${name}.sh`, import.meta.url));
  const out = scope.folder();
  const port = await firstOfPorts();
  const env = {
    KEYWAY: `${process.execPath} ${KEYWAY}`,
    PORT: port,
    OUT: out,
    RATE: 100,
    WATCHES: 30,
    SECONDS_BEFORE: 2,
    SECONDS_AFTER: 3,
    ...settings,
  };
  const words = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  const running = scope.run('env', [...words, 'bash', script]);
  // Where the test gives up, the story ends what it has started.
  scope.defer(() => running.end('SIGTERM'));
  const code = await running.exit();
  const file = join(out, `${name}.json`);
  if (!existsSync(file)) throw new Error(`${name} ended with ${code}: ${running.output}`);
  return { code, output: running.output, report: JSON.parse(readFileSync(file, 'utf8')), out };
}

/** The first of as many ports in a row as a story wants. */
async function firstOfPorts(): Promise<number> {
  for (;;) {
    const ports = await freePorts(PORTS_OF_A_STORY);
    const [first = 0] = ports;
    if (ports.every((port, i) => port === first + i)) return first;
  }
}
