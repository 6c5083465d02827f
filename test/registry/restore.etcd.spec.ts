import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, it } from 'vitest';
import type { Registry } from '../../src/registry/index.ts';
import { EtcdStore } from '../../src/registry/store/etcd-store.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { registryOn } from '../support/registries.ts';
import { draft, Follower } from './reported-topologies.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('is noticed where etcd was restored from a snapshot, as the docs say it is done', async () => {
  const [port, peerPort] = await freePorts(2);
  const endpoint = `127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const member = ['--name', 'm0', '--initial-cluster', `m0=${peer}`, '--initial-advertise-peer-urls', peer];
  const run = async (data: string): Promise<() => Promise<unknown>> => {
    const client = ['--listen-client-urls', `http://${endpoint}`, '--advertise-client-urls', `http://${endpoint}`];
    const etcd = scope.run('etcd', ['--data-dir', data, ...member, ...client, '--listen-peer-urls', peer]);
    await etcd.printed(/ready to serve client requests/);
    return () => etcd.end();
  };
  const env = { ...process.env, ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: endpoint };
  const etcdctl = (...args: string[]): Buffer => execFileSync('etcdctl', args, { env, stdio: 'pipe' });
  const open = (): Registry =>
    registryOn(new EtcdStore({ endpoints: [endpoint], timeOfDayMs: Date.now, random: Math.random }), scope);

  const stop = await run(scope.folder());
  const registry = open();
  for (const shard of ['a', 'b', 'c']) await registry.topologies.commit(draft(shard));
  const copy = join(scope.folder(), 'copy.db');
  etcdctl('snapshot', 'save', copy);
  for (const shard of ['d', 'e', 'f']) await registry.topologies.commit(draft(shard));
  const ahead = new Follower(scope, registry);
  await ahead.reports('f@6');
  await stop();
  const restored = join(scope.folder(), 'data');
  etcdctl('snapshot', 'restore', copy, '--data-dir', restored, ...member, '--initial-cluster-token', 'restored-2');
  await run(restored);
  const fresh = new Follower(scope, open());
  await Promise.all([ahead.reports('c@7'), fresh.reports('c@7')]);
  await registry.topologies.commit(draft('g'));
  await Promise.all([ahead.reports('g@8'), fresh.reports('g@8')]);
});
