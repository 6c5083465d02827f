import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Running } from '../support/processes.ts';

const SUITE = 'bookworm';
/** It fetches some hundred packages. */
const DEBOOTSTRAP_LIMIT_MS = 20 * 60_000;
/** What a step may take that works on this machine's disk alone. */
export const LOCAL_LIMIT_MS = 5 * 60_000;
const USER = 1000;
const HOME = '/home/newcomer';
/** What a Debian of its least packages has and docs use, where no root of its own can be made. */
const LEAST_PROGRAMS =
  'sh bash env cat cp mv rm mkdir ls sed grep awk head tail sort tr true sleep kill uname hostname id chmod ln touch date wc seq mktemp';
/** Of the environment only what is needed to reach the registry of packages. */
const KEPT = /^(https?_proxy|no_proxy|npm_config_registry)$/i;

/** A machine with nothing but a least system, Node and npm, and somebody's home on it. */
export interface BareMachine {
  /** What it is, in words. */
  readonly kind: string;
  /** The home, as this process sees it. */
  readonly home: string;
  /** Runs a line as a shell does, in a folder of the home, as a user without rights, in a process group of its own. */
  shell(line: string, folder: string, net?: 'outside' | 'alone'): Running;
  release(): void;
}

/** Who starts a process group ends it as a terminal's Ctrl-C does, or by another signal. */
export function interrupt(running: Running, signal: NodeJS.Signals = 'SIGINT'): void {
  process.kill(-running.pid, signal);
}

/**
 * A Debian root of its least packages, for which this process has to be root's and `debootstrap` installed; elsewhere a PATH with nothing
 * else in it, which is not as strict: files of the machine are there.
 * @param mark in the environment of all that it runs, `NAME=value`
 */
export async function bareMachine(mark: string): Promise<BareMachine> {
  const isRoot = process.getuid?.() === 0;
  return isRoot && has('debootstrap') && has('unshare') ? debianRoot(mark) : barePath(mark);
}

function has(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** The Node and the npm that this machine has, whatever started this. */
function ownNode(): { node: string; npm: string } {
  const node = realpathSync(process.env.npm_node_execpath ?? process.execPath);
  const npm = process.env.npm_execpath;
  if (npm === undefined) throw new Error('start it with npm: npm run first-hour');
  return { node, npm: dirname(dirname(realpathSync(npm))) };
}

function environment(mark: string, home: string, path: string, certificates: string | undefined): string[] {
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
  const trusted = certificates === undefined ? [] : [['NODE_EXTRA_CA_CERTS', certificates]];
  const all = [...kept, ...trusted, ['HOME', home], ['PATH', path], ['LANG', 'C.UTF-8'], ['USER', 'newcomer']];
  return [...all.map(([name, value]) => `${name}=${value}`), mark];
}

/** Runs a command to its end. @throws Error with what it printed last, where it fails or takes longer than `limitMs` */
export function checked(limitMs: number, command: string, ...args: string[]): void {
  console.log(`making the machine: ${command} ${args.join(' ')}`);
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return;
  const how = signal === 'SIGKILL' ? `took longer than ${limitMs / 60_000} minutes` : `ended with ${status ?? error}`;
  throw new Error(`${command} ${args.join(' ')} ${how}:\n${`${stdout}${stderr}`.slice(-3000)}`);
}

async function debianRoot(mark: string): Promise<BareMachine> {
  // Made once: it takes minutes. README names the one package that the least Debian lacks.
  const kept = join(homedir(), '.cache/keyway-first-hour', SUITE);
  if (!existsSync(kept)) {
    // Under its name once it is whole: what was interrupted is made again.
    const made = `${kept}.new`;
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
    checked(DEBOOTSTRAP_LIMIT_MS, 'debootstrap', '--variant=minbase', '--include=libatomic1', SUITE, made);
    renameSync(made, kept);
  }
  const root = mkdtempSync(join(tmpdir(), 'keyway-first-hour-'));
  try {
    return await debianIn(root, kept, mark);
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

/** @param root an empty folder. @param kept a Debian to copy into it */
async function debianIn(root: string, kept: string, mark: string): Promise<BareMachine> {
  checked(LOCAL_LIMIT_MS, 'cp', '-a', `${kept}/.`, root);
  const { node, npm } = ownNode();
  cpSync(node, join(root, 'usr/local/bin/node'));
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  if (certificates !== undefined) cpSync(certificates, join(root, 'etc/certificates.pem'));
  checked(LOCAL_LIMIT_MS, 'chroot', root, 'useradd', '--create-home', '--uid', String(USER), 'newcomer');
  cpSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'), { dereference: true });
  // What an installer or a container's runtime writes; debootstrap leaves it to them.
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n');
  const outside = await holder(root, ['-m'], '');
  const alone = await holder(root, ['-m', '-n'], 'ip link set lo up;');
  const env = environment(mark, HOME, '/usr/local/bin:/usr/bin:/bin', certificates && '/etc/certificates.pem');
  return {
    kind: `Debian ${readFileSync(join(root, 'etc/debian_version'), 'utf8').trim()} of its least packages, ${nodeVersion(node)}`,
    home: join(root, HOME),
    shell: (line, folder, net = 'alone') =>
      inGroup([
        'nsenter',
        ...(net === 'alone' ? ['-m', '-n', '-t', String(alone.pid)] : ['-m', '-t', String(outside.pid)]),
        'chroot',
        `--userspec=${USER}:${USER}`,
        root,
        ...['env', '-i', ...env],
        ...['sh', '-c', `cd '${join(HOME, folder)}' && ${line}`],
      ]),
    release: () => {
      // With them their mounts go.
      for (const { child } of [outside, alone]) child.kill('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Holds namespaces in which the root has what a system mounts. */
async function holder(root: string, namespaces: readonly string[], more: string): Promise<Running> {
  const mounts = `mount -t proc proc '${root}/proc'; mount --rbind /dev '${root}/dev'`;
  const script = `${more} ${mounts}; echo ready; exec sleep infinity`;
  const running = new Running('unshare', [...namespaces, '--propagation', 'private', 'sh', '-c', script]);
  await running.printed(/ready/);
  return running;
}

function barePath(mark: string): BareMachine {
  const folder = mkdtempSync(join(tmpdir(), 'keyway-first-hour-'));
  const [bin, home] = [join(folder, 'bin'), join(folder, 'home')];
  for (const each of [bin, home]) mkdirSync(each);
  const { node, npm } = ownNode();
  symlinkSync(node, join(bin, 'node'));
  for (const name of ['npm', 'npx']) symlinkSync(join(npm, `bin/${name}-cli.js`), join(bin, name));
  for (const name of LEAST_PROGRAMS.split(' ')) {
    const found = (process.env.PATH ?? '').split(delimiter).find((each) => existsSync(join(each, name)));
    if (found !== undefined) symlinkSync(join(found, name), join(bin, name));
  }
  const env = environment(mark, home, bin, process.env.NODE_EXTRA_CA_CERTS);
  return {
    kind: `this machine with a PATH of ${LEAST_PROGRAMS.split(' ').length} programs, ${nodeVersion(node)} (a Debian of its own needs root and debootstrap)`,
    home,
    shell: (line, inside) => inGroup(['env', '-i', ...env, 'sh', '-c', `cd '${join(home, inside)}' && ${line}`]),
    release: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function nodeVersion(node: string): string {
  return `Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`;
}

function inGroup([command = '', ...args]: readonly string[]): Running {
  return new Running(command, args, { detached: true });
}

/** So many processes that do nothing but use a core. @returns what ends them */
export async function busyLoops(count: number): Promise<() => void> {
  const loops = Array.from({ length: count }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  await Promise.all(loops.map((loop) => once(loop, 'spawn')));
  return () => {
    for (const loop of loops) loop.kill('SIGKILL');
  };
}
