/** The scripts of examples/redis-cluster, with real servers and a real etcd at loopback addresses that this test alone has. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { commandLines, KEYWAY, Scope } from '../support/processes.ts';

const run = promisify(execFile);
const FOLDER = fileURLToPath(new URL('../../examples/redis-cluster/', import.meta.url));
const scope = new Scope();
afterEach(() => scope.release());

/** An address of loopback for what belongs to this process. */
function host(last: number): string {
  return `127.${1 + (process.pid % 250)}.${(process.pid >> 8) % 250}.${last}`;
}

it('makes a cluster in seven steps, and leaves nothing running', async () => {
  const env = {
    // Keyway ends with the npm that has started it: here that would be start.sh, which ends.
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))),
    ROUTER_HOST: host(11),
    NODE_HOST: host(12),
    METADATA_HOST: host(13),
    DATA: `${scope.folder()}/data`,
    KEYWAY: `${process.execPath} ${KEYWAY}`,
  };
  const script = async (name: string, ...args: string[]): Promise<string> => {
    const { stdout } = await run(`${FOLDER}${name}`, args, { env });
    return stdout;
  };
  const cli = async (...words: string[]): Promise<string> => {
    const { stdout } = await run('redis-cli', ['-c', '-h', host(11), '-p', '6379', ...words]);
    return stdout.replaceAll('\r', '').trim();
  };
  scope.defer(() => script('stop.sh', '--reset'));
  await script('start.sh');
  await expect(script('start.sh')).rejects.toThrow('./stop.sh first');
  expect(await cli('CLUSTER', 'METARAFT', 'MEMBERS')).toBe('1\nvoter');
  const steps = await script('init-cluster.sh');
  expect(steps.match(/^\d/gm)?.join('')).toBe('123434567');
  expect(await cli('CLUSTER', 'METARAFT', 'MEMBERS')).toBe('1\nvoter\n2\nvoter\n3\nvoter');
  const nodes = await cli('CLUSTER', 'NODES');
  expect(nodes.match(/ slave /g)).toHaveLength(3);
  expect(nodes.match(new RegExp(`${host(12).replaceAll('.', '\\.')}:\\d+@\\d+ master`, 'g'))).toHaveLength(3);
  expect(await cli('SET', 'a', '1')).toBe('OK');
  expect(await cli('GET', 'a')).toBe('1');
  await script('stop.sh');
  await expect(cli('PING')).rejects.toThrow();
  expect(commandLines().filter((line) => line.includes(env.DATA))).toEqual([]);
});
