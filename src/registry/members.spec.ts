import { afterEach, expect, it, vi } from 'vitest';
import { FaultyStore } from '../../test/support/faulty-store.ts';
import { Scope } from '../../test/support/processes.ts';
import { runSeed, seeded } from '../../test/support/random.ts';
import { clock, PATIENCE, registryOn, sqlite } from '../../test/support/registries.ts';
import { hasAcknowledged, newInstance, type RouterValue, routerValue } from './index.ts';
import type { LeaseId } from './store/store.ts';

const scope = new Scope();
afterEach(() => scope.release());

const LEASE_MS = 60_000;
const NODE = { shard: 's0', nodeId: 'n' };
const NAME = { namespace: 'default', cluster: 'docs' };

it('tells processes of one name apart: none speaks for another, nor takes its entry away', async () => {
  const store = await sqlite(scope);
  const { members } = registryOn(store.open(), scope);
  const value = { versions: { 'default/docs': 1 } };
  const routers = [1, 2].map(() =>
    registryOn(store.open(), scope).members.register('router', 'host-1', value, LEASE_MS),
  );
  await Promise.all(routers.map(({ ready }) => ready));
  const acknowledged = { to: 2, attempt: 1, step: 'hold' };
  await routers[0]?.update({ ...value, acknowledged: { 'default/docs': acknowledged } });
  const there = await members.list('router');
  expect(there.map(({ name }) => name)).toEqual(['host-1', 'host-1']);
  const said = there.map((router) => (routerValue(router.value) as RouterValue).acknowledged['default/docs']);
  expect(said.filter((each) => hasAcknowledged(each, acknowledged as never))).toHaveLength(1);
  await routers[0]?.leave();
  expect(await members.list('router')).toMatchObject([{ name: 'host-1', value }]);
  await routers[1]?.leave();
});

it('keeps its lease through writes that are lost, unanswered or late, and says in the end what it said last', async () => {
  const random = seeded(runSeed());
  const store = await sqlite(scope);
  const there = registryOn(store.open(), scope);
  const link = new FaultyStore(store.open());
  const { members } = registryOn(link, scope);
  const registered = vi.fn();
  const member = members.register('node', 'r', { said: 0 }, LEASE_MS, registered);
  await member.ready;
  link.fate = (method) => {
    if (method !== 'commit' && method !== 'get') return 'done';
    return (['done', 'lost', 'unanswered', 'late'] as const)[Math.floor(random() * 4)] as 'done';
  };
  for (let said = 1; said <= 4; said++) {
    // Two at once: the later one's word stays.
    void member.update({ said: said - 0.5 });
    await member.update({ said });
    expect(await there.members.list('node')).toMatchObject([{ value: { said } }]);
  }
  expect(registered).toHaveBeenCalledOnce();
  expect(member.isHeld).toBe(true);
  link.fate = () => 'done';
  await member.leave();
});

it('registers again with a new lease if its entry was removed or overwritten', async () => {
  const store = await sqlite(scope);
  const { members } = registryOn(store.open(), scope);
  const foreign = store.open();
  const leases: string[] = [];
  const member = registryOn(store.open(), scope).members.register('node', 'r', { said: 1 }, LEASE_MS, ({ id }) =>
    leases.push(id),
  );
  await member.ready;
  const { entries } = await foreign.list('member/node/');
  await foreign.commit([], [{ key: entries[0]?.key as string, value: null }]);
  await member.update({ said: 2 });
  await vi.waitFor(async () => expect(await members.list('node')).toMatchObject([{ value: { said: 2 } }]), PATIENCE);
  // A process that was cloned while it ran writes under the same id.
  const lease = await foreign.grantLease(LEASE_MS);
  await foreign.commit([], [{ key: entries[0]?.key as string, value: '{"said":9}', lease }]);
  await member.update({ said: 3 });
  expect(member.isHeld).toBe(false);
  await foreign.revokeLease(lease);
  await vi.waitFor(async () => expect(await members.list('node')).toMatchObject([{ value: { said: 3 } }]), PATIENCE);
  expect(new Set(leases).size).toBe(3);
  await member.leave();
  await foreign.close();
});

it('ends a lease for its holder before the store hears of it, and as of its last renewal where the store has let it go', async () => {
  const store = await sqlite(scope);
  const link = new FaultyStore(store.open());
  const ends: number[] = [];
  const ids: LeaseId[] = [];
  const member = registryOn(link, scope).members.register('node', 'r', {}, 3000, (lease) => {
    ids.push(lease.id);
    const renewedMs = (): number => lease.untilMs - lease.lengthMs;
    let lastMs = renewedMs();
    lease.onExtended = () => {
      lastMs = renewedMs();
    };
    lease.lost.addEventListener('abort', () => ends.push(lease.untilMs - lastMs));
    link.onCall = (method) => {
      if (method === 'revokeLease') expect(lease.actsUntilMs).toBeLessThanOrEqual(clock());
    };
  });
  await member.ready;
  const other = store.open();
  const ended = (count: number) => vi.waitFor(() => expect(ends).toHaveLength(count), PATIENCE);
  // Another process revokes it: the next renewal is refused.
  await other.revokeLease(ids[0] as LeaseId);
  await ended(1);
  expect(ends[0]).toBe(0);
  await vi.waitFor(() => expect(member.isHeld).toBe(true), PATIENCE);
  await member.leave();
  await ended(2);
  await other.close();
});

it('lets a process do only what it is known to have announced, whatever happens to its messages', async () => {
  const seed = runSeed();
  const random = seeded(seed);
  const store = await sqlite(scope);
  const observer = registryOn(store.open(), scope);
  const link = new FaultyStore(store.open());
  const { handoffs } = registryOn(link, scope);
  const instance = newInstance();
  const node = { ...NODE, instance };
  const rights = handoffs.ownRights(NAME, node, {
    fencing: true,
    address: 'a:1',
    beyondLeaseMs: 0,
    ended: false,
    process: '',
  });
  const forever = new AbortController().signal;
  await rights.claim(forever, () => false);
  const known = async (): Promise<number> => (await observer.handoffs.read(NAME)).nodes[0]?.beyondLeaseMs as number;
  const fates = ['done', 'done', 'lost', 'unanswered', 'late'] as const;
  link.fate = (method) => (method === 'commit' ? (fates[Math.floor(random() * fates.length)] as 'done') : 'done');
  const choices = [0, 500, 60_000, Number.POSITIVE_INFINITY];
  let wanted = 0;
  for (let round = 0; round < 12; round++) {
    const said = Array.from({ length: 3 }, () => {
      wanted = choices[Math.floor(random() * choices.length)] as number;
      return rights.change({ beyondLeaseMs: wanted }, forever);
    });
    let isOver = false;
    const done = Promise.all(said).then(() => {
      isOver = true;
    });
    while (!isOver) {
      // Its own time is read before and after: what is known in between must allow the lesser of both.
      const before = rights.beyondLeaseMs;
      const allowed = await known();
      expect(Math.min(before, rights.beyondLeaseMs), `seed ${seed}`).toBeLessThanOrEqual(allowed);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect([rights.beyondLeaseMs, await known()], `seed ${seed}`).toEqual([wanted, wanted]);
  }
});
