import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Topology } from '../../src/topology/index.ts';
import { TestAuthority } from '../support/certificates.ts';
import { eventually } from '../support/cluster.ts';
import { freePorts, type Running, Scope } from '../support/processes.ts';
import { PATIENCE, registryOn, served } from '../support/registries.ts';
import { NAME } from './led-redis.ts';
import { redisCli } from './redis-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** As CLUSTER KEYSLOT has it. */
const [KEY, SLOT] = ['{t}:1', 15_891];

/** Three primaries with a replica each, which take no connection without TLS, and none without a certificate. */
async function startTlsCluster() {
  const authority = new TestAuthority(scope.folder());
  const own = authority.issue('IP:127.0.0.1');
  const ports = await freePorts(12);
  const servers = new Map<number, Running>();
  const tls = [
    ...['--tls-cert-file', own.certificate, '--tls-key-file', own.key, '--tls-ca-cert-file', authority.certificate],
    ...['--tls-cluster', 'yes', '--tls-replication', 'yes'],
  ];
  for (const [i, port] of ports.slice(0, 6).entries())
    servers.set(
      port,
      scope.run('redis-server', [
        ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', scope.folder()],
        ...['--cluster-enabled', 'yes', '--cluster-port', String(ports[6 + i]), '--cluster-node-timeout', '1500'],
        ...['--repl-diskless-sync-delay', '0', ...tls],
      ]),
    );
  const say = (...words: string[]): Promise<string> =>
    redisCli('--tls', '--cacert', authority.certificate, '--cert', own.certificate, '--key', own.key, ...words);
  const all = [...servers.keys()];
  for (const port of all) await eventually(async () => (await say('-p', String(port), 'PING')) === 'PONG');
  const addresses = all.map((port) => `127.0.0.1:${port}`);
  await say('--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes');
  for (const port of all)
    await eventually(async () => (await say('-p', String(port), 'CLUSTER', 'INFO')).includes('cluster_state:ok'));
  return { servers, say, addresses, config: { ...own, authorities: authority.certificate } };
}

it('leads a cluster whose nodes take TLS only: slots move with their keys, and a replica takes over', async () => {
  const { servers, say, addresses, config: tls } = await startTlsCluster();
  const store = await served(scope);
  const registry = registryOn(store.open(), scope);
  const cluster = {
    engine: 'redis',
    nodes: [addresses[0]],
    tls,
    probe: { interval: '100ms', timeout: '1s', failures: 4 },
  };
  const file = scope.file(
    'controller.yaml',
    stringify({ registry: store.config, lease: '2s', clusters: { docs: cluster } }),
  );
  await scope.keyway(['controller', '--config', file]).printed(/a topology is committed/);
  const topology = async (): Promise<Topology> => (await registry.topologies.read(NAME)) as Topology;
  const becomes = async (holds: (now: Topology) => boolean): Promise<Topology> => {
    await expect.poll(async () => holds(await topology()), PATIENCE).toBe(true);
    return topology();
  };
  const { shards } = await becomes((now) => now.shards.every(({ replicas }) => replicas?.length === 1));
  const ownerIn = ({ shards: all }: Topology) =>
    all.find(({ slots }) => slots?.some(([first, last]) => first <= SLOT && SLOT <= last));
  const owner = ownerIn(await topology());
  const target = shards.find(({ id }) => id !== owner?.id);
  const portOf = (address = ''): string => address.split(':')[1] ?? '';
  await say('-c', '-p', portOf(owner?.address), 'SET', KEY, 'value');
  const migrate = ['redis', 'migrate', 'docs', '--slots', String(SLOT), '--to', target?.id ?? '', '--execute'];
  await scope.keyway([...migrate, '--registry', store.address]).printed(/queued/);
  const moved = ownerIn(await becomes((now) => ownerIn(now)?.id === target?.id));
  expect(await say('-p', portOf(moved?.address), 'GET', KEY)).toBe('value');
  await servers.get(Number(portOf(moved?.address)))?.end('SIGKILL');
  const after = ownerIn(await becomes((now) => ownerIn(now)?.nodeId !== moved?.nodeId));
  expect(after?.id).toBe(target?.id);
  await eventually(async () => (await say('-p', portOf(after?.address), 'GET', KEY)) === 'value');
}, 120_000);
