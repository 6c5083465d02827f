#!/usr/bin/env node
// The command. In a checkout it runs the TypeScript sources as they are, in a published package the built files; either
// on the Node that the project pins, whatever the machine's own is. That may be an old one, which has to be able to read this file: it is
// written for Node 12, and the file that it imports for the pinned one.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 26;
const THREADED = new Set(['dev', 'router']);
const source = new URL('./main.ts', import.meta.url);
const main = existsSync(source) ? source : new URL('../../dist/cli/main.js', import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= OLDEST_NODE) {
  // What was compiled once is read at the next start, which halves its time. The folder is the package's own: one that others may
  // write to could hold code of theirs. Where it cannot be written, nothing is kept.
  const cache = fileURLToPath(new URL('../../node_modules/.cache/keyway', import.meta.url));
  module.enableCompileCache(cache);
  // Threads take it from the environment; what starts programs of others has none, and hands nothing on to them.
  if (THREADED.has(process.argv[2]) && process.env.NODE_COMPILE_CACHE === undefined)
    process.env.NODE_COMPILE_CACHE = cache;
  // What serves may be killed one day: what was compiled at its start is kept then, if that is new.
  import(main.href).then(() => module.flushCompileCache());
} else runOnPinnedNode();

function runOnPinnedNode() {
  const node = pinnedNode();
  if (node === undefined) {
    process.stderr.write(
      `keyway: needs Node ${OLDEST_NODE} or newer; this is ${process.version}, and npm installed none\n`,
    );
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    // What the system's loader ends with where a library is missing; it has printed which.
    if (code === 127 && spawnSync(node, ['--version'], { stdio: 'ignore' }).status === 127)
      process.stderr.write(
        'keyway: the pinned Node does not start here: install the library that is missing; on Debian and Ubuntu: apt-get install libatomic1\n',
      );
    process.exit(code === null ? 128 + (signal === null ? 0 : constants.signals[signal]) : code);
  });
}

function pinnedNode() {
  const name = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  for (const packageName of [`node-${name}`, `node-bin-${name}`]) {
    try {
      const folder = require.resolve(`${packageName}/package.json`).replace(/package\.json$/, '');
      return `${folder}bin/${process.platform === 'win32' ? 'node.exe' : 'node'}`;
    } catch {
      // Not this platform's name.
    }
  }
  return undefined;
}
