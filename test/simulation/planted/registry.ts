import { INCARNATION, SETTLING } from '../../../src/registry/incarnation.ts';
import type { Store } from '../../../src/registry/index.ts';
import { pointerKey } from '../../../src/registry/topology-entries.ts';
import { NAME, ROUTER_LEASE_MS } from '../keyway/setting.ts';
import { WrappedStore } from '../store/wrapped-store.ts';
import { edited, isShard, isStaged, isVersion, type Planted } from './planted.ts';

const POINTER = pointerKey(NAME);

/** A store that does not take a version that skips some, and says that it did. */
function withoutRaised(store: Store): Store {
  const wrapped = new WrappedStore(store, {});
  wrapped.commit = async (conditions, changes) => {
    const versionIn = (value: string | null | undefined): number =>
      value == null ? 0 : (JSON.parse(value) as { version: number }).version;
    const written = versionIn(changes.find(({ key }) => key === POINTER)?.value);
    if (written > 1) {
      const before = versionIn((await store.get(POINTER))?.value);
      if (before > 0 && written > before + 1) return (await store.list('')).revision;
    }
    return store.commit(conditions, changes);
  };
  return wrapped;
}

/** What is recorded, and how long a store settles, is no longer than a router's lease: each member knows itself how long it has to be. */
function withoutTimeBeyondLeases(store: Store): Store {
  const wrapped = new WrappedStore(store, {
    writes: (change) =>
      change.key === INCARNATION
        ? edited(change as { readonly key: string; readonly value: string }, (incarnation) => {
            incarnation.longestLeaseMs = Math.min(incarnation.longestLeaseMs as number, ROUTER_LEASE_MS);
          })
        : change,
  });
  wrapped.grantLease = (lengthMs) => store.grantLease(Math.min(lengthMs, ROUTER_LEASE_MS));
  return wrapped;
}

/** What the registry says, and what is made of it. */
export const registry: readonly Planted[] = [
  {
    name: 'steps of handoffs are written without compare-and-set',
    shards: 'plain',
    store: (store) =>
      new WrappedStore(store, { compares: (key) => !key.startsWith('handoff/') && !key.startsWith('topology/') }),
  },
  {
    name: 'shards write their own entries without compare-and-set',
    shards: 'fencing',
    store: (store, process) =>
      isShard(process)
        ? new WrappedStore(store, { compares: (key) => !key.startsWith('member/') && !key.startsWith('handoff/') })
        : store,
  },
  {
    name: 'a router cannot read a version with a field that it does not know',
    shards: 'plain',
    isQuick: true,
    store: (store, { name }) =>
      name === 'r1'
        ? new WrappedStore(store, {
            reads: (entry) =>
              isVersion(entry) || isStaged(entry)
                ? edited(entry, (document) => {
                    ((document.topology ?? document) as Record<string, unknown>).requires = ['what nobody knows'];
                  })
                : entry,
          })
        : store,
  },
  {
    name: 'a commit that was not answered is taken for refused',
    shards: 'fencing',
    store: (store) => new WrappedStore(store, { unanswered: 'refused' }),
  },
  {
    name: 'a commit that was refused is taken for done',
    shards: 'fencing',
    store: (store) => new WrappedStore(store, { refused: 'done' }),
  },
  {
    // Where the store alone confirms them, its clients end these leases themselves: they count from when they asked.
    name: 'renewals of leases are confirmed without asking the store',
    shards: 'plain',
    store: (store) => new WrappedStore(store, { renewsAll: true }),
  },
  {
    name: 'watches lose a tenth of all changes',
    shards: 'plain',
    store: (store, { random }) => new WrappedStore(store, { loses: () => random() < 0.1 }),
  },
  {
    name: 'watches do not report that changes they missed were compacted',
    shards: 'fencing',
    store: (store) => new WrappedStore(store, { hidesCompaction: true }),
  },
  {
    name: 'a watch that reconnects begins with the next change',
    shards: 'plain',
    store: (store) => new WrappedStore(store, { skipsMissed: true }),
  },
  {
    name: 'a restored registry is taken for the one before',
    shards: 'plain',
    store: (store) => new WrappedStore(store, { hidesRestores: true }),
  },
  {
    name: 'after a restore, members do not wait for earlier leases to end',
    shards: 'plain',
    store: (store) => new WrappedStore(store, { sees: ({ key }) => key !== SETTLING }),
  },
  {
    name: 'after a restore, nobody raises the version above those by which shards have written',
    shards: 'fencing',
    store: withoutRaised,
  },
  {
    name: 'after a restore, members wait for earlier leases, and not for what shards may serve beyond them',
    shards: 'fencing',
    store: withoutTimeBeyondLeases,
  },
];
