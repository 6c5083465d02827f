import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { KEYWAY, Scope } from '../support/processes.ts';
import { serveApi, storeCluster } from '../support/rest-api.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Runs a command on a terminal of its own: types each text once what is before it in the list has been shown. */
const TYPE = `import os, pty, re, select, sys
steps = [(sys.argv[i], sys.argv[i + 1].encode().decode('unicode_escape')) for i in range(2, 2 + 2 * int(sys.argv[1]), 2)]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2 + 2 * len(steps)], sys.argv[2 + 2 * len(steps):])
out, at = '', 0
while True:
    if steps:
        found = re.search(steps[0][0], out[at:])
        if found:
            at += found.end()
            os.write(fd, steps.pop(0)[1].encode())
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    out += data.decode()
sys.stdout.write(out)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

it('is typed on a terminal: completes, drops a line at Ctrl-C, ends at Ctrl-D, and keeps what was typed for its user alone', async () => {
  const { registry, port } = await serveApi(scope);
  await storeCluster(registry);
  const home = scope.folder();
  const steps = [
    ['/> ', 'cd def\\t'],
    ['default ', '\\r'],
    ['/default> ', 'cd nowhere\\x03'],
    ['/default> ', 'cd cache\\r'],
    ['/default/cache> ', 'pwd\\r'],
    ['/default/cache\\r\\n.*> ', 'nonsense\\r'],
    ['not understood[^>]*> ', '\\x04'],
  ];
  const command = [process.execPath, KEYWAY, 'redis', 'shell', '--controllers', `127.0.0.1:${port}`];
  const args = [scope.file('type.py', TYPE), String(steps.length), ...steps.flat(), ...command];
  const env = { ...process.env, HOME: home, TERM: 'xterm' };
  const { stdout } = await promisify(execFile)('python3', args, { env, timeout: 60_000 });
  expect(stdout).toContain('^C');
  const history = join(home, '.keyway_redis_history');
  expect(readFileSync(history, 'utf8').split('\n')).toEqual(['nonsense', 'pwd', 'cd cache', 'cd default ', '']);
  expect(statSync(history).mode & 0o777).toBe(0o600);
}, 90_000);
