import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { fetchText, metric, startRouter } from '../support/cluster.ts';
import { Commands } from '../support/commands.ts';
import { startHttpBackend } from '../support/http-backend.ts';
import { overHttp1 } from '../support/http-client.ts';
import { freePorts, Scope } from '../support/processes.ts';
import { PATIENCE, registryOn, sqlite } from '../support/registries.ts';
import { reload, rewrite } from './reloading.ts';

const scope = new Scope();
afterEach(() => scope.release());

/** Routes and clusters that tell of which config they are. */
function marked(mark: string, port: number): { routes: object[]; clusters: object } {
  return {
    routes: [{ match: { prefix: '/' }, cluster: mark, headers: { request: { set: { 'x-config': mark } } } }],
    clusters: { [mark]: { shards: [{ id: 's0', address: `127.0.0.1:${port}` }] } },
  };
}

it('applies either the old config or the new one to each request, on connections that stay', async () => {
  const backends = [await startHttpBackend(scope, 'a', 'http2'), await startHttpBackend(scope, 'b', 'http2')] as const;
  const configs = [marked('a', backends[0].port), marked('b', backends[1].port)] as const;
  const router = await startRouter(scope, {
    shards: [backends[0].port],
    workers: 2,
    config: { reloadOnChange: false },
  });
  rewrite(router, () => configs[0]);
  expect(await reload(router)).toMatchObject({ result: 'applied', needsRestart: [], fault: null });
  const sessions = Array.from({ length: 6 }, () => connect(`http://${router.endpoint}`));
  for (const session of sessions) scope.defer(() => session.destroy());
  let isOver = false;
  let answered = 0;
  const seen = new Set<string>();
  const ask = async (session: (typeof sessions)[number]): Promise<void> => {
    while (!isOver) {
      const stream = session.request({ ':path': '/x', 'x-shard-key': `k${answered}` });
      let text = '';
      for await (const part of stream) text += String(part);
      const { backend, headers } = JSON.parse(text) as { backend: string; headers: Record<string, string> };
      seen.add(`${backend}${headers['x-config']}`);
      answered++;
    }
  };
  const asking = Promise.all(sessions.map(ask));
  for (let i = 1; i <= 8; i++) {
    const before = answered;
    rewrite(router, () => configs[i % 2] as object);
    expect((await reload(router)).result).toBe('applied');
    await vi.waitFor(() => expect(answered).toBeGreaterThan(before + 50), PATIENCE);
  }
  isOver = true;
  await asking;
  expect([...seen].sort()).toEqual(['aa', 'bb']);
  expect(sessions.some(({ closed }) => closed)).toBe(false);
  expect(await metric(router, 'keyway_config_reloads_total{result="applied"}')).toBe(9);
});

it('reads its config again at SIGHUP, and when the file changes', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const router = await startRouter(scope, { shards: [port], config: { log: { level: 'info' } } });
  const status = async (): Promise<number> => (await overHttp1(router, '/x')).status;
  const missing = { routes: [{ match: { prefix: '/other' }, cluster: 'docs' }] };
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.defer(() => agent.destroy());
  expect((await overHttp1(router, '/x', { agent })).status).toBe(200);
  rewrite(router, () => missing);
  await vi.waitFor(async () => expect(await status()).toBe(404), PATIENCE);
  await router.process.printed(/"by":"the file has changed","applied":\["routes.0.match.prefix"\]/);
  rewrite(router, () => ({ reloadOnChange: false, log: { level: 'error' } }));
  await vi.waitFor(
    async () => expect((await fetchText(`${router.admin}/config`)).text).toMatch(/"level": "error"/),
    PATIENCE,
  );
  rewrite(router, () => ({ routes: [{ match: { prefix: '/' }, cluster: 'docs' }], log: { level: 'info' } }));
  router.process.child.kill('SIGHUP');
  await router.process.printed(/"by":"SIGHUP","applied":\["log.level","routes.0.match.prefix"\]/);
  expect((await overHttp1(router, '/x', { agent })).status).toBe(200);
  expect(await metric(router, 'keyway_downstream_connections_total')).toBeGreaterThan(0);
});

it('reports the outcome to keyway reload, and keeps the last valid config', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const router = await startRouter(scope, { shards: [port], config: { reloadOnChange: false } });
  const commands = new Commands('');
  const keywayReload = (): ReturnType<Commands['run']> =>
    commands.run('reload', '--admin', router.admin.slice('http://'.length));
  rewrite(router, () => ({ workers: 2, drainTimeout: '7s' }));
  expect(await keywayReload()).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^applied +drainTimeout\nneeds restart +workers\nunchanged +listen, /) as string,
  });
  expect(await metric(router, 'keyway_config_restart_needed')).toBe(1);
  rewrite(router, () => ({ workers: 1, routes: [{ match: { prefix: '/' }, cluster: 'dosc' }] }));
  const refused = await keywayReload();
  expect(refused.code).toBe(2);
  expect(refused.out).toMatch(/keyway\.yaml:\d+:\d+ routes\.0\.cluster: .*did you mean docs\?\nnothing was changed/);
  expect(await metric(router, 'keyway_config_fault')).toBe(1);
  expect((await overHttp1(router, '/x')).status).toBe(200);
  const [taken] = await freePorts(1);
  const other = createServer().listen(taken, '127.0.0.1');
  scope.defer(() => other.close());
  rewrite(router, (config) => ({
    routes: [{ match: { prefix: '/' }, cluster: 'docs', timeout: '1ms' }],
    listen: [...(config.listen as object[]), { address: `127.0.0.1:${taken}` }],
  }));
  expect(await reload(router)).toMatchObject({
    result: 'refused',
    fault: expect.stringContaining(`listen.1.address: 127.0.0.1:${taken} is in use`) as string,
  });
  expect((await fetchText(`${router.admin}/config`)).text).not.toContain('"timeout": "1ms"');
  rewrite(router, (config) => ({
    routes: [{ match: { prefix: '/' }, cluster: 'docs' }],
    listen: [(config.listen as object[])[0]],
  }));
  expect((await keywayReload()).code).toBe(0);
  expect(await metric(router, 'keyway_config_fault')).toBe(0);
  // A page of another site cannot ask for it, and nobody can by GET.
  await expect(reload(router, { origin: 'http://evil.example' })).rejects.toThrow('pages of o');
  expect((await fetchText(`${router.admin}/reload`)).status).toBe(405);
  expect((await commands.run('reload', '--admin', `127.0.0.1:1`)).code).toBe(2);
}, 60_000);

it.each([1, 2])('opens and closes listeners beside those that stay, with %i workers', async (workers) => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const router = await startRouter(scope, { shards: [port], workers, config: { reloadOnChange: false } });
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const streaming = session.request({ ':path': '/hang', 'x-shard-key': 'k' });
  await once(streaming, 'response');
  const [added] = await freePorts(1);
  rewrite(router, (config) => ({ listen: [...(config.listen as object[]), { address: `127.0.0.1:${added}` }] }));
  expect(await reload(router)).toMatchObject({ result: 'applied', applied: ['listen'] });
  const there = { ...router, port: added as number };
  expect((await overHttp1(there, '/x')).status).toBe(200);
  expect((await overHttp1(router, '/x')).status).toBe(200);
  rewrite(router, (config) => ({ listen: [(config.listen as object[])[1]] }));
  expect((await reload(router)).result).toBe('applied');
  expect((await overHttp1(there, '/x')).status).toBe(200);
  await expect(overHttp1(router, '/x', { agent: false })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  // Who is connected there already stays.
  const more = session.request({ ':path': '/x', 'x-shard-key': 'k' });
  const [answer] = (await once(more, 'response')) as [Record<string, unknown>];
  expect(answer[':status']).toBe(200);
  expect(streaming.closed).toBe(false);
});

it('takes up another token of the admin address, and says what it waits for when it drains', async () => {
  const { port } = await startHttpBackend(scope, 'a', 'http2');
  const router = await startRouter(scope, { shards: [port], config: { reloadOnChange: false } });
  const tokenFile = scope.file('token', 'the-first-token-of-all');
  const bearing = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  rewrite(router, (config) => ({ admin: { ...(config.admin as object), tokenFile } }));
  expect(await reload(router)).toMatchObject({ result: 'applied', applied: ['admin.tokenFile'] });
  expect((await fetchText(`${router.admin}/config`)).status).toBe(401);
  writeFileSync(tokenFile, 'short');
  expect(await reload(router, bearing('the-first-token-of-all'))).toMatchObject({
    result: 'refused',
    fault: expect.stringContaining('holds fewer than 16 characters') as string,
  });
  writeFileSync(tokenFile, 'the-second-token-of-all');
  expect((await reload(router, bearing('the-first-token-of-all'))).fault).toBeNull();
  expect((await reload(router, bearing('the-second-token-of-all'))).result).toBe('unchanged');

  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  session.on('error', () => {});
  const streaming = session.request({ ':path': '/hang', 'x-shard-key': 'k' });
  await once(streaming, 'response');
  streaming.on('error', () => {});
  router.process.child.kill('SIGTERM');
  await router.process.printed(
    /"openStreams":1,"waitsFor":\{"\/ at s0":1\},"secondsLeft":\d,"msg":"waiting for open streams to end"/,
  );
  session.destroy();
  expect(await router.process.exit()).toBe(0);
});

it('follows clusters of the registry that a config adds, and leaves those that it takes out', async () => {
  const store = await sqlite(scope);
  const { topologies, members } = registryOn(store.open(), scope);
  const backends = [await startHttpBackend(scope, 'a', 'http2'), await startHttpBackend(scope, 'b', 'http2')] as const;
  for (const [i, name] of ['docs', 'more'].entries())
    await topologies.commit({
      namespace: 'default',
      name,
      version: null,
      placement: { name: 'fixedRing', options: { entriesPerWeight: 16 } },
      hashOn: 'id',
      shards: [{ id: 's0', address: `127.0.0.1:${backends[i]?.port}`, weight: 1 }],
    });
  const registry = { ...store.config, keepIn: scope.folder() };
  const router = await startRouter(scope, {
    shards: [],
    registry,
    workers: 2,
    config: { reloadOnChange: false, drain: { window: '100ms' } },
    routes: [{ match: { prefix: '/' }, cluster: 'docs', watch: ['/hang'] }],
  });
  const versions = async (): Promise<unknown> =>
    (await members.list('router')).map(({ value }) => (value as { versions: object }).versions);
  await vi.waitFor(async () => expect((await overHttp1(router, '/x')).status).toBe(200), PATIENCE);
  const session = connect(`http://${router.endpoint}`);
  scope.defer(() => session.destroy());
  const watch = session.request({ ':path': '/hang', 'x-shard-key': 'k' });
  await once(watch, 'response');

  const routeTo = (cluster: string): object => ({ match: { prefix: `/${cluster}` }, cluster, watch: ['/*'] });
  rewrite(router, () => ({
    routes: [routeTo('more'), { match: { prefix: '/' }, cluster: 'docs', watch: ['/hang'] }],
    clusters: { docs: { fromRegistry: {} }, more: { fromRegistry: {} } },
  }));
  expect(await reload(router)).toMatchObject({ fault: null, applied: ['routes', 'clusters.more'] });
  const { text } = await overHttp1(router, '/more');
  expect(JSON.parse(text)).toMatchObject({ backend: 'b', headers: { 'x-keyway-version': '1' } });
  await vi.waitFor(async () => expect(await versions()).toEqual([{ 'default/docs': 1, 'default/more': 1 }]), PATIENCE);
  expect(watch.closed).toBe(false);

  const goaway = once(session, 'goaway');
  watch.on('error', () => {});
  rewrite(router, () => ({ routes: [routeTo('more')], clusters: { more: { fromRegistry: {} } } }));
  expect(await reload(router)).toMatchObject({ fault: null, result: 'applied' });
  await goaway;
  await vi.waitFor(async () => expect(await versions()).toEqual([{ 'default/more': 1 }]), PATIENCE);
  expect((await overHttp1(router, '/more')).status).toBe(200);
  expect((await overHttp1(router, '/x')).status).toBe(404);
  expect((await fetchText(`${router.admin}/registry`)).text).not.toContain('"docs"');
});
