import { afterEach, expect, it } from 'vitest';
import { startRouter } from '../support/cluster.ts';
import { answerOf, echoClient, startEchoBackend } from '../support/echo-backend.ts';
import { Scope } from '../support/processes.ts';
import { etcd, registryOn } from '../support/registries.ts';
import { docsOf as draft, serves } from './docs-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

it('fails no request of three routers while a member of etcd is killed and topologies change', async () => {
  const store = await etcd(scope, 3);
  const { topologies } = registryOn(store.open(), scope);
  const backends = await Promise.all(['a', 'b', 'c'].map((name) => startEchoBackend(scope, name)));
  const shards = backends.map(({ port }, i) => [`s${i}`, port] as const);
  await topologies.commit(draft(...shards));
  const routers = await Promise.all([1, 2, 3].map(() => startRouter(scope, { shards: [], registry: store.config })));
  let going = true;
  let calls = 0;
  const failed: string[] = [];
  const traffic = routers.map(async ({ endpoint }) => {
    const client = echoClient(scope, endpoint);
    while (going) {
      const answer = await answerOf(client, `k${calls++ % 100}`);
      if (!/^[abc]$/.test(answer)) failed.push(answer);
    }
  });
  for (const [i, server] of store.servers.entries()) {
    await server.kill();
    const { version } = await topologies.commit(draft(...shards.filter((_, j) => j !== i)));
    await Promise.all(routers.map((router) => serves(router, version)));
    await server.start();
    const back = await topologies.commit(draft(...shards));
    await Promise.all(routers.map((router) => serves(router, back.version)));
  }
  going = false;
  await Promise.all(traffic);
  expect(failed).toEqual([]);
  expect(calls).toBeGreaterThan(100);
}, 120_000);
