import { RetryWait } from '../../../src/proxy/core/retries.ts';
import type { Store } from '../../../src/registry/store/store.ts';
import { ROUTER_LEASE_MS, TOPOLOGY } from '../keyway/setting.ts';
import { FencingShard } from '../keyway/shard.ts';
import { WrappedStore } from '../store/wrapped-store.ts';
import { edited, isDriver, isNode, isRouter, isShard, isStaged, isState, isVersion, type Planted } from './planted.ts';

/** A store that ends its client's lease where a write by it was not answered. */
function releasingLeaseAfterFailure(store: Store): Store {
  const wrapped = new WrappedStore(store, {});
  wrapped.commit = async (conditions, changes) => {
    try {
      return await store.commit(conditions, changes);
    } catch (error) {
      for (const change of changes)
        if (change.value !== null && change.lease !== undefined) store.revokeLease(change.lease).catch(() => {});
      throw error;
    }
  };
  return wrapped;
}

/** Deletes what all processes of a shard have said. */
async function deleteEntriesOf(store: Store, shard: string): Promise<void> {
  for (const prefix of [`handoff/${TOPOLOGY}/node/${shard}/`, `member/node/${TOPOLOGY}/${shard}/`])
    try {
      const { entries } = await store.list(prefix);
      await store.commit(
        [],
        entries.map(({ key }) => ({ key, value: null })),
      );
    } catch {
      // The store is away: they stay.
    }
}

/** Who serves, and for how long. */
export const serving: readonly Planted[] = [
  {
    name: 'a router counts its lease from 1.5 s after it asked for it',
    shards: 'plain',
    routerClocks: (clock) => ({ lease: () => clock() + 1500, control: clock }),
  },
  {
    name: 'a router takes its lease for three times its length',
    shards: 'plain',
    routerClocks: (clock) => ({ lease: () => clock() + 8000, control: clock }),
  },
  {
    name: 'a router serves to the very end of its lease, and waits for answers beyond it',
    shards: 'plain',
    routerClocks: (clock) => ({ lease: () => clock() + 0.15 * ROUTER_LEASE_MS, control: clock }),
  },
  {
    name: 'a router gives its lease back where a report was not answered, and continues to serve by it',
    shards: 'plain',
    store: (store, process) => (isRouter(process) ? releasingLeaseAfterFailure(store) : store),
    router: (router) => {
      const { beginTurn } = router;
      const longest = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
      router.beginTurn = () => {
        for (const i of [0, 1]) {
          longest[i] = Math.max(longest[i] as number, router.servesUntil[i] as number);
          router.servesUntil[i] = longest[i] as number;
        }
        beginTurn.call(router);
      };
    },
  },
  {
    name: 'a router serves as soon as it knows a version, without a lease',
    shards: 'plain',
    router: (router) => {
      const { beginTurn } = router;
      router.beginTurn = () => {
        if (router.owners.version !== null) router.servesUntil.fill(Number.POSITIVE_INFINITY);
        beginTurn.call(router);
      };
    },
  },
  {
    name: 'a router switches to the next version at `hold`',
    shards: 'plain',
    store: (store, process) =>
      isRouter(process)
        ? new WrappedStore(store, {
            reads: (entry) =>
              isState(entry)
                ? edited(entry, (handoff) => {
                    if (handoff.step === 'hold') handoff.step = 'committed';
                  })
                : entry,
          })
        : store,
  },
  {
    name: 'a router that was stopped sends what it reads before it looks at the clock',
    shards: 'plain',
    router: (router) => {
      router.beginTurn = () => {};
    },
  },
  {
    name: 'requests in flight are not cut when the lease ends',
    shards: 'plain',
    router: (router) => {
      router.cut = () => {};
    },
  },
  {
    name: 'a delayed request is sent without asking the gate',
    shards: 'plain',
    router: (router) => {
      router.readmits = (request) => request.isOpen && request.owner !== null;
    },
  },
  {
    name: 'a request that is held keeps the timer of its repetition',
    shards: 'plain',
    router: (router) => {
      const { receive } = router;
      router.receive = (operation, onAnswer) => {
        const request = receive.call(router, operation, onAnswer);
        const { waitIn } = request;
        request.waitIn = (place) => {
          if (place instanceof RetryWait) place.forget = () => {};
          waitIn.call(request, place);
        };
        return request;
      };
    },
  },
  {
    name: 'a router leaves the watches of moved keys at their former shards',
    shards: 'plain',
    router: (router) => {
      const { receive } = router;
      router.receive = (operation, onAnswer) => {
        const request = receive.call(router, operation, onAnswer);
        if (request.isWatch) request.leave = () => {};
        return request;
      };
    },
  },
  {
    name: 'a new request is sent even if its key is held',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      const { admits } = router.gate;
      router.gate.admits = (request) => {
        const isIn = router.process.clock() < (router.servesUntil[0] as number);
        return isIn || admits.call(router.gate, request);
      };
    },
  },
  {
    name: 'the store ends leases after half their time',
    shards: 'plain',
    world: ({ store }) => {
      store.leaseFactor = 0.5;
    },
  },
  {
    name: 'the store ends no lease',
    shards: 'plain',
    isQuick: true,
    world: ({ store }) => {
      store.leaseFactor = Number.POSITIVE_INFINITY;
    },
  },
  {
    name: 'the store ends all leases when it restarts',
    shards: 'plain',
    world: ({ store }) => {
      const { restarted, expireLeases } = store;
      store.restarted = () => {
        restarted.call(store);
        store.leaseFactor = 0;
        expireLeases.call(store);
        store.leaseFactor = 1;
      };
    },
  },
  {
    name: 'a shard refuses nothing that it has lost',
    shards: 'fencing',
    shard: (shard) => {
      if (!(shard instanceof FencingShard)) return;
      const { ownership } = shard;
      const { admit } = ownership;
      ownership.admit = async (key, by) => {
        const verdict = await admit.call(ownership, key, by);
        return verdict.kind === 'stale' ? { kind: 'owner' } : verdict;
      };
    },
  },
  {
    name: 'a shard ends no watch on keys that it has lost',
    shards: 'fencing',
    shard: (shard) => {
      if (shard instanceof FencingShard) shard.forget = () => {};
    },
  },
  {
    name: "a shard that ends takes away the entries of all of its name's processes",
    shards: 'fencing',
    shard: (shard, world) => {
      const { leave } = shard;
      shard.leave = async () => {
        await leave.call(shard);
        await deleteEntriesOf(world.storeOf(shard.process), shard.id);
      };
    },
  },
  {
    name: 'a shard continues to serve when its lease has ended',
    shards: 'fencing',
    shard: (shard) => {
      if (shard instanceof FencingShard) Object.defineProperty(shard.ownership, 'holds', { get: () => true });
    },
  },
  {
    name: 'the clock by which a shard counts its lease stands still for six seconds of every ten',
    shards: 'fencing',
    shardClock: (clock) => () => {
      const nowMs = clock();
      return 4000 * Math.floor(nowMs / 10_000) + Math.min(nowMs % 10_000, 4000);
    },
  },
  {
    name: 'lost shards are removed after a quarter of the time',
    shards: 'fencing',
    routerClocks: (clock) => ({ lease: clock, control: () => 4 * clock() }),
  },
  {
    name: 'failover counts by the newest version, not by the one that the lost shard knows',
    shards: 'fencing',
    store: (store, process) =>
      isDriver(process)
        ? new WrappedStore(store, {
            reads: (entry) =>
              isNode(entry)
                ? edited(entry, (rights) => {
                    rights.beyondLeaseMs = 0;
                  })
                : entry,
          })
        : store,
  },
  {
    name: 'a shard does not report for how long it may serve beyond its lease',
    shards: 'fencing',
    store: (store, process) =>
      isShard(process)
        ? new WrappedStore(store, {
            writes: (change) =>
              isNode(change as { readonly key: string })
                ? edited(change, (rights) => {
                    rights.beyondLeaseMs = 0;
                  })
                : change,
            reads: (entry) =>
              isVersion(entry) || isStaged(entry)
                ? edited(entry, (document) => {
                    delete ((document.topology ?? document) as Record<string, unknown>).failover;
                  })
                : entry,
          })
        : store,
  },
];
