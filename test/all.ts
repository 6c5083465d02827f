/** `npm run test:all`: every spec, once it is sure that what they need is there. `-- --install` installs it, what else is given goes to vitest. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { demand } from './requirements.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INSTALL = '--install';

const args = process.argv.slice(2);
const needs = globSync('test/**/*.*.spec.ts', { cwd: ROOT }).map((file) => file.split('.').at(-3) as string);
try {
  demand([...new Set(needs)].sort(), args.includes(INSTALL));
  const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
  const more = args.filter((each) => each !== INSTALL);
  process.exitCode = spawnSync(process.execPath, [vitest, 'run', ...more], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
} catch (error) {
  console.error(`${(error as Error).message}\n(npm run test:all -- ${INSTALL} does that; npm test needs none of it)`);
  process.exitCode = 1;
}
