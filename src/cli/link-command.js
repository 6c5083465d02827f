// Run by npm in a checkout (`prepare`): puts the command among the installed ones, so that `npx keyway` finds it there
// rather than to ask whether it may install a package of that name.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';

const folder = new URL('../../node_modules/.bin/', import.meta.url);
const link = new URL('keyway', folder);
mkdirSync(folder, { recursive: true });
rmSync(link, { force: true });
try {
  symlinkSync('../../src/cli/keyway.js', link);
} catch (error) {
  // A system without symbolic links (Windows without the privilege) has `node src/cli/keyway.js`.
  console.warn(`keyway: no npx command here: ${error.message}`);
}
