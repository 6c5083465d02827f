import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

// npm 11 warns of each package with install scripts that nobody has reviewed, and nobody can for a global install: of all but bundled ones.
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

interface LockedPackage {
  readonly hasInstallScript?: boolean;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
}

const read = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

it('has no install script, and none of its dependencies has one that is not bundled', () => {
  const { scripts } = read('package.json') as { scripts: object };
  expect(Object.keys(scripts).filter((name) => INSTALL_SCRIPTS.includes(name))).toEqual([]);
  const { packages } = read('package-lock.json') as { packages: Readonly<Record<string, LockedPackage>> };
  const warnedOf = Object.entries(packages).filter(
    ([path, { hasInstallScript, inBundle, dev }]) => path !== '' && hasInstallScript && !inBundle && !dev,
  );
  expect(warnedOf.map(([path]) => path)).toEqual([]);
});

it('bundles whatever depends on what it bundles, so that no second copy is installed beside it', () => {
  const { packages } = read('package-lock.json') as {
    packages: Readonly<Record<string, LockedPackage & { readonly dependencies?: Readonly<Record<string, string>> }>>;
  };
  const bundled = new Set(
    Object.entries(packages).flatMap(([path, { inBundle }]) => (inBundle ? [path.split('node_modules/').at(-1)] : [])),
  );
  const outside = Object.entries(packages).filter(([path, { inBundle, dev }]) => path !== '' && !inBundle && !dev);
  const sharing = outside.filter(([, { dependencies = {} }]) =>
    Object.keys(dependencies).some((name) => bundled.has(name)),
  );
  expect(sharing.map(([path]) => path)).toEqual([]);
});
