// Run by npm in a checkout (`postprepare`: npm warns of a package with `prepare` where it is installed as a file). It puts the command among the installed ones, so that `npx keyway` finds it
// there rather than asking whether it may install a package of that name; and takes out of the pinned Node's package
// what is not needed here: headers for native modules, a third of it.
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';

const packages = new URL('../../node_modules/', import.meta.url);
const commands = new URL('.bin/', packages);
const link = new URL('keyway', commands);
mkdirSync(commands, { recursive: true });
rmSync(link, { force: true });
try {
  symlinkSync('../../src/cli/keyway.js', link);
} catch (error) {
  // A system without symbolic links (Windows without the privilege) has `node src/cli/keyway.js`.
  console.warn(`keyway: no npx command here: ${error.message}`);
}

for (const name of readdirSync(packages))
  if (/^node-(bin-)?(darwin|linux|win)-/.test(name))
    rmSync(new URL(`${name}/include/`, packages), { recursive: true, force: true });
