import { afterEach, expect, it, vi } from 'vitest';
import { type FoundShard, redisSource } from '../../src/discovery/index.ts';
import { bulkReply, errorReply } from '../../src/resp/index.ts';
import { Scope } from '../support/processes.ts';
import { PATIENCE } from '../support/registries.ts';
import { FakeRedis } from './fake-redis.ts';

const scope = new Scope();
afterEach(() => scope.release());

const idOf = (i: number): string => String(i).repeat(40);

/** Servers that say of themselves what a test has them say; slots and epochs by the server's number. */
async function servers(count: number) {
  const fakes = await Promise.all(Array.from({ length: count }, (_, i) => FakeRedis.start(scope, `s${i}`)));
  const line = (self: number, i: number, rest: string): string =>
    `${idOf(i)} 127.0.0.1:${fakes[i]?.port}@1 ${self === i ? 'myself,' : ''}${rest}`;
  /** Has a server answer; `lines` without ids and addresses, a number first. */
  const says = (self: number, lines: Readonly<Record<number, string>>): void => {
    const text = Object.entries(lines).map(([i, rest]) => line(self, Number(i), rest));
    (fakes[self] as FakeRedis).instead = ([name, what]) => {
      if (name !== 'CLUSTER') return undefined;
      return what === 'NODES' ? bulkReply(`${text.join('\n')}\n`) : errorReply('ERR no');
    };
  };
  const ports = fakes.map(({ port }) => port);
  return { fakes, says, ports };
}

function follow(seeds: readonly string[]) {
  const found: Array<readonly FoundShard[]> = [];
  const faults: string[] = [];
  const stopping = new AbortController();
  const query = { seeds, refreshMs: 20, certificates: null, login: null, random: () => 0.5 };
  const following = (async () => {
    const source = redisSource(query, async () => []);
    for await (const shards of source(stopping.signal, (message) => faults.push(message))) found.push(shards);
  })();
  scope.defer(async () => {
    stopping.abort();
    await following;
  });
  const shown = (): string[] =>
    (found.at(-1) ?? []).map(({ id, address, slots }) => `${id[0]} ${address.split(':').at(-1)} ${slots}`);
  const becomes = (...shards: string[]): Promise<void> => vi.waitFor(() => expect(shown()).toEqual(shards), PATIENCE);
  return { found, faults, becomes };
}

it('learns all nodes from one, follows a failover whose old primary is gone, and keeps the id of the shard', async () => {
  const { fakes, says, ports } = await servers(3);
  const before = {
    0: 'master - 0 0 1 connected 0-8191',
    1: 'master - 0 0 2 connected 8192-16383',
    2: `slave ${idOf(0)} 0 0 1 connected`,
  };
  for (const i of [0, 1, 2]) says(i, before);
  const { becomes, found } = follow([`127.0.0.1:${ports[2]}`]);
  await becomes(`0 ${ports[0]} 0-8191`, `1 ${ports[1]} 8192-16383`);
  expect(found[0]?.[0]?.replicas).toEqual([{ id: idOf(2), address: `127.0.0.1:${ports[2]}` }]);
  const after = { 0: 'master,fail - 0 0 1 disconnected', 1: before[1], 2: 'master - 0 0 3 connected 0-8191' };
  for (const i of [1, 2]) says(i, after);
  fakes[0]?.end();
  await becomes(`0 ${ports[2]} 0-8191`, `1 ${ports[1]} 8192-16383`);
  expect(found).toHaveLength(2);
});

it('is not led back by one node that has missed a change, even if only that one answers', async () => {
  const { fakes, says, ports } = await servers(3);
  const old = { 0: 'master - 0 0 1 connected 0-16383', 1: 'master - 0 0 2 connected', 2: 'master - 0 0 0 connected' };
  const now = { 0: 'master - 0 0 1 connected 0-99', 1: 'master - 0 0 5 connected 100-16383', 2: old[2] };
  says(0, old);
  says(1, now);
  says(2, now);
  const { becomes, faults, found } = follow([`127.0.0.1:${ports[0]}`]);
  await becomes(`0 ${ports[0]} 0-99`, `1 ${ports[1]} 100-16383`, `2 ${ports[2]} `);
  fakes[1]?.end();
  fakes[2]?.end();
  await vi.waitFor(() => expect(faults.some((fault) => fault.includes('is behind'))).toBe(true), PATIENCE);
  expect(found).toHaveLength(1);
});

it('says so when no node answers, once, and goes on with the seeds when one does', async () => {
  const { fakes, says, ports } = await servers(1);
  const [fake] = fakes;
  (fake as FakeRedis).instead = () => errorReply('ERR This instance has cluster support disabled');
  const { becomes, faults } = follow([`localhost:${ports[0]}`, 'no-such-host.invalid:1']);
  await vi.waitFor(() => expect(faults.length).toBeGreaterThan(2), PATIENCE);
  says(0, { 0: 'master - 0 0 1 connected 0-16383' });
  await becomes(`0 ${ports[0]} 0-16383`);
  expect(faults.filter((fault) => fault === 'no node of the cluster answers')).toHaveLength(1);
  expect(faults.some((fault) => fault.includes('cluster support disabled'))).toBe(true);
  expect(faults.some((fault) => fault.includes('no-such-host.invalid:1: the name cannot be resolved'))).toBe(true);
});

it('does not go over to another cluster that a node was reset for and has joined', async () => {
  const { fakes, says, ports } = await servers(5);
  const ours = {
    0: 'master - 0 0 1 connected 0-8191',
    1: 'master - 0 0 2 connected 8192-16383',
    2: `slave ${idOf(0)} 0 0 1 connected`,
  };
  for (const i of [0, 1, 2]) says(i, ours);
  const { becomes, found, faults } = follow([`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1]}`]);
  await becomes(`0 ${ports[0]} 0-8191`, `1 ${ports[1]} 8192-16383`);
  const theirs = {
    2: 'master - 0 0 9 connected',
    3: 'master - 0 0 8 connected 0-16383',
    4: 'master - 0 0 7 connected',
  };
  for (const i of [2, 3, 4]) says(i, theirs);
  await vi.waitFor(() => expect(faults.some((fault) => fault.includes('is left out'))).toBe(true), PATIENCE);
  // Nor where it alone can be reached.
  for (const i of [0, 1]) fakes[i]?.end();
  await vi.waitFor(() => expect(faults.some((fault) => fault.includes('is of another cluster'))).toBe(true), PATIENCE);
  expect(found).toHaveLength(1);
});

it('goes over to the cluster that most of the seeds are of, where none of the one before is left', async () => {
  const { says, ports } = await servers(2);
  const seeds = ports.map((port) => `127.0.0.1:${port}`);
  for (const i of [0, 1]) says(i, { 0: 'master - 0 0 1 connected 0-16383' });
  const { becomes } = follow(seeds);
  await becomes(`0 ${ports[0]} 0-16383`);
  for (const i of [0, 1]) says(i, { 1: 'master - 0 0 1 connected 0-16383' });
  await becomes(`1 ${ports[1]} 0-16383`);
});

it('tells of so many faults and no more, whatever nodes think of', async () => {
  const { fakes, ports } = await servers(1);
  const [fake] = fakes as [FakeRedis];
  let looks = 0;
  fake.instead = ([name, what]) => {
    if (name !== 'CLUSTER') return undefined;
    if (what !== 'NODES') return errorReply('ERR no');
    const nonsense = Array.from({ length: 100 }, (_, i) => `${looks} ${i}`);
    looks++;
    return bulkReply([`${idOf(0)} :${fake.port}@1 myself,master - 0 0 1 connected 0-16383`, ...nonsense].join('\n'));
  };
  const { becomes, faults } = follow([`127.0.0.1:${ports[0]}`]);
  await becomes(`0 ${ports[0]} 0-16383`);
  await vi.waitFor(() => expect(looks).toBeGreaterThan(30), PATIENCE);
  // Some at once, and then one a look.
  expect(faults.length).toBeLessThanOrEqual(20 + looks);
});
