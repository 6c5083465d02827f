import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TOOLS } from '../../support/processes.ts';
import type { History } from '../history.ts';
import type { Violation } from '../rules/violation.ts';
import { registerOperations } from './operations.ts';

const INSTALL_GO = 'Go is not installed: apt-get install golang (1.24 or newer), for the checker of linearizability';

const PROGRAM = join(TOOLS, 'linearizability');
/** For all keys together: a history that needs longer is one that operations of unknown outcome have made too wide. */
const MAX_SECONDS = 120;

export interface LinearizabilityJudgement {
  readonly violations: readonly Violation[];
  readonly counts: {
    readonly linearizedKeys: number;
    readonly linearizedOperations: number;
    /** Keys whose histories were not decided in time. */
    readonly undecidedKeys: number;
  };
}

/** What the program prints. */
interface Verdict {
  readonly operations: number;
  readonly linearizable: readonly string[];
  readonly illegal: ReadonlyArray<{ readonly key: string; readonly page: string }>;
  readonly undecided: readonly string[];
}

/** Builds the program: with Go's cache, in a second. @throws where Go is missing */
export function buildPorcupine(): void {
  mkdirSync(TOOLS, { recursive: true });
  try {
    execFileSync('go', ['build', '-o', PROGRAM, '.'], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Error(INSTALL_GO, { cause: error });
    throw error;
  }
}

/**
 * Has porcupine judge whether each key was one register to its clients.
 * @param folder for the operations, and for a page a key that was not: what was tried, to be looked at in a browser
 */
export async function checkLinearizability(history: History, folder: string): Promise<LinearizabilityJudgement> {
  const file = join(folder, 'operations.jsonl');
  const lines = registerOperations(history).map((operation) => JSON.stringify(operation));
  writeFileSync(file, `${lines.join('\n')}\n`);
  const { stdout } = await promisify(execFile)(PROGRAM, [file, folder, String(MAX_SECONDS)], { maxBuffer: 2 ** 28 });
  const { operations, linearizable, illegal, undecided } = JSON.parse(stdout) as Verdict;
  return {
    violations: illegal.map(({ key, page }) => ({ rule: 'linearizable', what: `${key}: see ${page}` })),
    counts: {
      linearizedKeys: linearizable.length,
      linearizedOperations: operations,
      undecidedKeys: undecided.length,
    },
  };
}
