/**
 * What specs and checks need besides Node and npm. A spec says it in its name: `registry-contract.etcd.spec.ts` needs etcd.
 *
 *     node test/requirements.ts etcd go             # fails where one is missing, and names what installs it
 *     node test/requirements.ts --install etcd go   # installs what is missing, where the machine has apt
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fetchValkey, hasValkey } from './redis/valkey.ts';

interface Requirement {
  readonly isThere: () => boolean;
  /** Debian's. */
  readonly packages: readonly string[];
  /** What brings it where no package does. @throws Error where it cannot be had */
  readonly bring?: () => void;
}

/** By the word that stands in the names of specs; the last ones are those of conformance. */
const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  // Minutes, and nothing else.
  long: { isThere: () => true, packages: [] },
  etcd: programs(['etcd', 'etcdctl'], ['etcd-server', 'etcd-client']),
  curl: programs(['curl', 'bash'], ['curl', 'bash']),
  dnsmasq: programs(['dnsmasq'], ['dnsmasq-base']),
  git: programs(['git', 'tar'], ['git', 'tar']),
  openssl: programs(['openssl'], ['openssl']),
  redis: programs(['redis-server', 'redis-cli'], ['redis-server', 'redis-tools']),
  valkey: { isThere: hasValkey, packages: [], bring: fetchValkey },
  zsh: programs(['zsh'], ['zsh']),
  fish: programs(['fish'], ['fish']),
  python3: programs(['python3'], ['python3']),
  go: programs(['go'], ['golang']),
  chromium: programs(['chromium'], ['chromium']),
  java: programs(['java'], ['default-jre-headless']),
  jdk: programs(['java', 'javac'], ['default-jdk-headless']),
  maven: programs(['mvn'], ['maven']),
  venv: { isThere: () => succeeds('python3', '-c', 'import venv, ensurepip'), packages: ['python3-venv'] },
};

function programs(names: readonly string[], packages: readonly string[]): Requirement {
  return { isThere: () => names.every(isInstalled), packages };
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/**
 * @param install whether what is missing may be installed
 * @throws Error that names what is missing, and the command that installs it
 */
export function demand(words: readonly string[], install: boolean): void {
  const unknown = words.filter((word) => REQUIREMENTS[word] === undefined);
  if (unknown.length > 0) throw new Error(`test/requirements.ts does not know ${unknown.join(', ')}`);
  const isMissing = (word: string): boolean => REQUIREMENTS[word]?.isThere() === false;
  const missing = words.filter(isMissing);
  const packages = missing.flatMap((word) => REQUIREMENTS[word]?.packages ?? []);
  if (missing.length > 0 && install && isInstalled('apt-get')) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['install', '-y', '-qq', ...packages], { stdio: 'inherit', env });
  }
  if (install) for (const word of missing) REQUIREMENTS[word]?.bring?.();
  const left = missing.filter(isMissing);
  if (left.length > 0)
    throw new Error(
      packages.length === 0
        ? `not installed: ${left.join(', ')}; node test/requirements.ts --install ${left.join(' ')}`
        : `not installed: ${left.join(', ')}; on Debian: apt-get install ${packages.join(' ')}`,
    );
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  try {
    demand(
      words.filter((word) => word !== '--install'),
      words.includes('--install'),
    );
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
