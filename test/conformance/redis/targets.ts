import { stringify } from 'yaml';
import { askNode, type ClusterNode, startRedisCluster } from '../../redis/redis-cluster.ts';
import { startRedis } from '../../redis/redis-server.ts';
import { eventually, startRouter } from '../../support/cluster.ts';
import { freePorts, type Scope } from '../../support/processes.ts';

/** What a client is tested against: a server or a cluster itself, or a router before one, in one of its modes. */
export type TargetName =
  | 'a server'
  | 'a cluster'
  | 'hidden, 1 server'
  | 'hidden, 3 servers'
  | 'hidden, a cluster'
  | 'direct, a cluster'
  | 'routers, a cluster';

export interface Target {
  readonly name: TargetName;
  readonly port: number;
  /** The nodes that a cluster client is told of; 0 where there is no cluster to be seen. */
  readonly nodes: number;
}

/** The suites ask for DEBUG, as clients of their own servers may. */
const ALLOW_DEBUG = ['--enable-debug-command', 'yes'];

async function startServers(scope: Scope, count: number, program: string): Promise<number[]> {
  const started = Array.from({ length: count }, () => startRedis(scope, { program, args: ALLOW_DEBUG }));
  return (await Promise.all(started)).map(({ port }) => port);
}

/** Three primaries with a replica each, which clients are told of once they follow. */
async function startCluster(scope: Scope, program: string): Promise<number> {
  const nodes = await startRedisCluster(scope, { program, args: ALLOW_DEBUG });
  const [{ port }] = nodes as [ClusterNode];
  await eventually(async () => (await nodesAt(port)) === nodes.length);
  return port;
}

async function startBeforeServers(scope: Scope, count: number, program: string): Promise<number> {
  const router = await startRouter(scope, {
    shards: await startServers(scope, count, program),
    routes: [],
    upstream: { protocol: 'redis' },
    cluster: { placement: { slots: {} } },
    listener: { redis: { cluster: 'docs' } },
  });
  return router.port;
}

/** A router in one process with several addresses, which are what `routers` announces. */
async function startBeforeCluster(scope: Scope, program: string, mode: string, addresses: number): Promise<number> {
  const node = await startCluster(scope, program);
  const [admin = 0, ...ports] = await freePorts(1 + addresses);
  const announce = ports.map((port) => `127.0.0.1:${port}`);
  const redis = { cluster: 'docs', mode, ...(mode === 'routers' ? { announce } : {}) };
  const config = {
    listen: announce.map((address) => ({ address, redis })),
    admin: { address: `127.0.0.1:${admin}` },
    workers: 1,
    clusters: {
      docs: {
        upstream: { protocol: 'redis' },
        discover: { redis: [`127.0.0.1:${node}`], refresh: '200ms' },
        waitForOwner: '20s',
      },
    },
  };
  const router = scope.keyway(['router', '--config', scope.file('keyway.yaml', stringify(config))]);
  await router.printed(/routing/);
  return ports[0] ?? 0;
}

/** The nodes of which CLUSTER SLOTS tells. */
async function nodesAt(port: number): Promise<number> {
  const reply = await askNode(port, 'CLUSTER', 'SLOTS');
  const places = new Set<string>();
  for (const range of 'items' in reply ? reply.items : [])
    for (const node of 'items' in range ? range.items.slice(2) : [])
      if ('items' in node)
        places.add(JSON.stringify(node.items.slice(0, 2), (_, v) => (typeof v === 'bigint' ? `${v}` : v)));
  return places.size;
}

/** @param program of the servers */
export async function startTarget(scope: Scope, name: TargetName, program: string): Promise<Target> {
  const one = (port: number): Target => ({ name, port, nodes: 0 });
  const several = async (port: number): Promise<Target> => ({ name, port, nodes: await nodesAt(port) });
  switch (name) {
    case 'a server':
      return one((await startServers(scope, 1, program))[0] ?? 0);
    case 'a cluster':
      return several(await startCluster(scope, program));
    case 'hidden, 1 server':
      return one(await startBeforeServers(scope, 1, program));
    case 'hidden, 3 servers':
      return one(await startBeforeServers(scope, 3, program));
    case 'hidden, a cluster':
      return one(await startBeforeCluster(scope, program, 'hidden', 1));
    case 'direct, a cluster':
      return several(await startBeforeCluster(scope, program, 'direct', 1));
    case 'routers, a cluster':
      return several(await startBeforeCluster(scope, program, 'routers', 2));
  }
}
