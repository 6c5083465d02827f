import type { ShownCertificate } from '../../src/admin/index.ts';
import type { Registry } from '../../src/registry/index.ts';
import { Api, ApiServer } from '../../src/rest/index.ts';
import { checkTopology } from '../../src/topology/index.ts';
import type { Scope } from './processes.ts';
import { clock, registryOn, sqlite } from './registries.ts';

/** What a controller's REST interface serves, without a controller. */
export interface RestApi {
  readonly registry: Registry;
  readonly port: number;
  readonly ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answered>;
}

export interface Answered {
  readonly status: number;
  readonly json: unknown;
}

export const CLUSTER = { namespace: 'default', cluster: 'cache' };

/** The ids of its nodes. */
export const NODES = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];

export async function serveApi(
  scope: Scope,
  token: string | null = null,
  tls: ShownCertificate | null = null,
  login: { readonly username: string; readonly password: string } | null = null,
): Promise<RestApi> {
  const registry = registryOn((await sqlite(scope)).open(), scope);
  const led = {
    engine: 'redis',
    consistency: 'eventual',
    access: { login, certificates: null, timeoutMs: 100, patienceMs: 200 },
    rules: { intervalMs: 100, failures: 3, longestLoadingMs: 1000, maxMissingShare: 0.5 },
  } as const;
  const { signal } = new AbortController();
  const who = { candidate: 'the test', clock, timeOfDayMs: Date.now, random: () => 0.5, signal };
  const named = [{ ...led, name: { namespace: 'default', cluster: 'named' }, seeds: [] }];
  const server = new ApiServer(new Api(registry, { clusters: led }, named, who), token, [], tls);
  scope.defer(() => server.close());
  const port = await server.listen('127.0.0.1', 0);
  const ask: RestApi['ask'] = async (method, path, body, headers = {}) => {
    const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...content });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? null : JSON.parse(text) };
  };
  return { registry, port, ask };
}

/** Shard s0 of the first node, which the second follows, and s1 of the third. No server is there. */
export async function storeCluster(registry: Registry): Promise<void> {
  const [a, b, c] = NODES;
  const [first, second, third] = [1, 2, 3].map((port) => `127.0.0.1:${port}`);
  const shards = [
    { id: 's0', address: first, nodeId: a, slots: '0-8191', replicas: [{ id: b, address: second }] },
    { id: 's1', address: third, nodeId: c, slots: '8192-16383' },
  ];
  await registry.topologies.commit(
    checkTopology({ ...CLUSTER, consistency: 'eventual', placement: { slots: {} }, shards }, 'the test'),
  );
}
