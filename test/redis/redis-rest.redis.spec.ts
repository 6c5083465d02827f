import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { KEYWAY, Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { type ClusterNode, redisCli, startEmptyNode } from './redis-cluster.ts';
import { ServedApi, type ShownShard } from './served-api.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ONE = '/shop/clusters/cache';

async function emptyNodes(count: number): Promise<ClusterNode[]> {
  return Promise.all(Array.from({ length: count }, () => startEmptyNode(scope)));
}

const addressOf = ({ port }: ClusterNode): string => `127.0.0.1:${port}`;
const portOf = (address: string): string => address.slice(address.indexOf(':') + 1);
const slotsOf = (shards: readonly ShownShard[]): string[] => shards.map((each) => each.slot_ranges.join(' '));

it('makes a cluster of empty nodes, moves slots with their keys, fails over, and has shards and nodes join and leave', async () => {
  const nodes = await emptyNodes(6);
  const [a, b, c, d, e, f] = nodes.map(addressOf) as [string, string, string, string, string, string];
  const api = await ServedApi.start(scope);
  await api.ask('POST', '', { namespace: 'shop' });
  await expect(api.ask('POST', '/shop/clusters', { name: 'cache', nodes: [a, b, c], replicas: 2 })).rejects.toThrow(
    /400/,
  );
  const made = await api.ask('POST', '/shop/clusters', {
    name: 'cache',
    nodes: [a, b, c, d],
    replicas: 2,
    password: '',
  });
  expect(made).toMatchObject({
    cluster: {
      name: 'cache',
      shards: [
        {
          nodes: [
            { addr: a, role: 'master' },
            { addr: b, role: 'slave' },
          ],
          slot_ranges: ['0-8191'],
        },
        {
          nodes: [
            { addr: c, role: 'master' },
            { addr: d, role: 'slave' },
          ],
          slot_ranges: ['8192-16383'],
        },
      ],
    },
  });
  await api.controller.printed(/leads the cluster/);
  await expect(api.ask('POST', '/shop/clusters', { name: 'other', nodes: [a] })).rejects.toThrow(/already exists/);

  // Slot 3300 has the key b.
  await redisCli('-c', '-p', portOf(a), 'SET', 'b', 'here');
  await api.ask('POST', `${ONE}/migrate`, { slot: '3300', target: 1, slotOnly: 'false' });
  const moved = await api.becomes(ONE, (shards) => slotsOf(shards)[1] === '3300 8192-16383');
  expect(slotsOf(moved)).toEqual(['0-3299 3301-8191', '3300 8192-16383']);
  expect(await redisCli('-p', portOf(c), 'GET', 'b')).toBe('here');

  const [before] = await api.shards(ONE);
  const slave = before?.nodes[1];
  expect(await api.ask('POST', `${ONE}/shards/0/failover`)).toEqual({ new_master_id: slave?.id });
  expect((await api.shards(ONE))[0]?.nodes[0]).toMatchObject({ id: slave?.id, role: 'master' });

  expect(await api.ask('POST', `${ONE}/shards`, { nodes: [e], password: '' })).toMatchObject({
    shard: { nodes: [{ addr: e, role: 'master' }], slot_ranges: [] },
  });
  const joined = (await api.ask('POST', `${ONE}/shards/2/nodes`, { addr: f, role: 'slave' })) as string;
  const follows = (): Promise<string> => redisCli('-p', portOf(f), 'ROLE');
  await expect.poll(follows, PATIENCE).toContain(portOf(e));
  const status = (await api.ask('GET', `${ONE}/status`)) as { nodes: Array<{ status: string; connected: string }> };
  expect(status.nodes.map((each) => each.status)).toEqual(nodes.map(() => 'OK'));
  await api.ask('DELETE', `${ONE}/shards/2/nodes/${joined}`);
  await api.ask('DELETE', `${ONE}/shards/2`);
  expect(await api.shards(ONE)).toHaveLength(2);

  await api.ask('DELETE', ONE);
  expect(await api.ask('GET', '/shop/clusters')).toEqual({ clusters: [] });
  expect(await api.ask('POST', `${ONE}/import`, { nodes: [d] })).toMatchObject({ cluster: { name: 'cache' } });
  expect(slotsOf(await api.shards(ONE)).sort()).toEqual(['0-3299 3301-8191', '3300 8192-16383']);
}, 120_000);

it('leads a cluster that was imported: a replica takes over from a primary that dies, and a webhook is told', async () => {
  const nodes = await emptyNodes(6);
  const addresses = nodes.map(addressOf);
  await redisCli('--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes');
  const told: string[] = [];
  const receiver = createServer((request, response) => {
    told.push(String(request.headers['x-keyway-event']));
    response.end();
  });
  scope.defer(() => receiver.close());
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const api = await ServedApi.start(scope, { webhooks: [{ url }] });
  const path = '/default/clusters/cache';
  const imported = async (): Promise<boolean> =>
    api.ask('POST', `${path}/import`, { nodes: [addresses[3]] }).then(
      () => true,
      () => false,
    );
  // Nodes that were made a cluster a moment ago do not agree yet.
  await expect.poll(imported, PATIENCE).toBe(true);
  const whole = await api.becomes(path, (shards) => shards.every((each) => each.nodes.length === 2));
  await api.controller.printed(/leads the cluster/);
  const lost = whole[0]?.nodes[0];
  await nodes.find((each) => addressOf(each) === lost?.addr)?.process.end('SIGKILL');
  const after = await api.becomes(path, ([shard]) => shard?.nodes[0]?.id !== lost?.id);
  expect(after[0]?.nodes.map(({ role }) => role)).toEqual(['master', 'slave']);
  await expect.poll(() => told.includes('failover-done'), PATIENCE).toBe(true);
  expect(told.filter((each) => each !== 'node-down').slice(0, 3)).toEqual([
    'leader-changed',
    'failover-began',
    'failover-done',
  ]);
  expect(told).toContain('node-down');
}, 120_000);

it('makes a cluster, shows it, moves slots and fails over by the lines of a script', async () => {
  const nodes = await emptyNodes(4);
  const addresses = nodes.map(addressOf);
  const api = await ServedApi.start(scope);
  const shell = (...lines: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const args = [KEYWAY, 'redis', 'shell', '--controllers', api.address];
      const child = execFile(process.execPath, args, (error, out) => (error === null ? resolve(out) : reject(error)));
      child.stdin?.end(lines.map((line) => `${line}\n`).join(''));
    });
  const made = await shell('mkns shop', 'cd shop', `mkcl -cn cache -s 2 -n ${addresses.join(',')} -d`);
  expect(made).toMatch(/the cluster cache is made\n$/);
  await api.controller.printed(/leads the cluster/);
  const shown = await shell('cd shop/cache', 'showcluster');
  expect(shown.match(/ OK +(?:master|slave) /g)).toHaveLength(4);
  const before = await api.shards(ONE);
  await shell('cd shop/cache', 'migdata -s 0 -t 1 -S 0-9 -e');
  const moved = await api.becomes(ONE, ([, shard]) => shard?.slot_ranges.join(' ') === '0-9 8192-16383');
  expect(moved[0]?.slot_ranges).toEqual(['10-8191']);
  await shell('cd shop/cache', 'failover -s 0 -e');
  expect((await api.shards(ONE))[0]?.nodes[0]?.id).toBe(before[0]?.nodes[1]?.id);
  await expect(shell('cd nowhere', 'mkns never')).rejects.toThrow('there is no nowhere');
  expect(await api.ask('GET', '')).toEqual({ namespaces: ['default', 'shop'] });
}, 120_000);
