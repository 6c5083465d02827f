import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClusterDescription } from '../topology/index.ts';
import { SqliteRegistry, type TopologyVersion, VersionConflict } from './index.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyway-registry-'));
  file = join(folder, 'registry.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const cluster = (shards: number): ClusterDescription => ({
  name: 'docs',
  placement: { name: 'ringHash', options: { minimumRingSize: 1024 } },
  hashOn: 'id',
  shards: Array.from({ length: shards }, (_, i) => ({ id: `s${i}`, address: `127.0.0.1:${9101 + i}`, weight: 1 })),
});

it('keeps a topology as it was given, and counts its versions', () => {
  const registry = new SqliteRegistry(file);
  expect(registry.read('default', 'docs')).toBeNull();
  const first = registry.compareAndSet('default', cluster(3), null);
  expect(first.version).toBe(1);
  expect(registry.compareAndSet('default', cluster(4), first.version).version).toBe(2);
  registry.close();
  const again = new SqliteRegistry(file);
  expect(again.read('default', 'docs')).toEqual({ namespace: 'default', version: 2, cluster: cluster(4) });
  again.close();
});

it('writes nothing where another has written meanwhile', () => {
  const one = new SqliteRegistry(file);
  const other = new SqliteRegistry(file);
  const { version } = one.compareAndSet('default', cluster(1), null);
  other.compareAndSet('default', cluster(2), version);
  expect(() => one.compareAndSet('default', cluster(3), version)).toThrow(VersionConflict);
  expect(() => one.compareAndSet('default', cluster(3), null)).toThrow('is at version 2, and none was expected');
  expect(() => one.compareAndSet('other', cluster(3), 9 as TopologyVersion)).toThrow('does not exist');
  expect(one.read('default', 'docs')?.cluster).toEqual(cluster(2));
  one.close();
  other.close();
});

it('keeps clusters of one name in different namespaces apart', () => {
  const registry = new SqliteRegistry(file);
  registry.compareAndSet('a', cluster(1), null);
  registry.compareAndSet('b', cluster(2), null);
  expect(registry.read('a', 'docs')?.cluster.shards.length).toBe(1);
  expect(registry.read('b', 'docs')?.version).toBe(1);
  registry.close();
});
