import type { Store } from '../../src/registry/index.ts';
import type { RouterClocks, SimulatedRouter } from './keyway/router.ts';
import type { ShardKind } from './keyway/setting.ts';
import { FencingShard, type SimulatedShard } from './keyway/shard.ts';
import type { SimulatedProcess } from './machine/process.ts';
import { WrappedStore } from './store/wrapped-store.ts';
import type { World } from './world.ts';

/** A fault in the product, put into a world by wrapping the pieces that the product is made of. */
export interface Planted {
  readonly name: string;
  /** Shards in whose worlds it does harm. */
  readonly shards: ShardKind;
  /** It is found within a run or two, so that the specs can look for it each time. */
  readonly isQuick?: true;
  /** Between a process and its store. */
  readonly store?: (store: Store, process: SimulatedProcess) => Store;
  readonly router?: (router: SimulatedRouter) => void;
  readonly routerClocks?: (clock: () => number) => RouterClocks;
  readonly shard?: (shard: SimulatedShard) => void;
  readonly shardClock?: (clock: () => number) => () => number;
  readonly process?: (process: SimulatedProcess) => void;
  readonly world?: (world: World) => void;
}

const isDriver = ({ name }: SimulatedProcess): boolean => name === 'operator' || name.startsWith('r');
const HANDOFF = 'handoff/';

/** All that are tried. Each is something that the product might do wrong, and the protocol is there to prevent. */
export const planted: readonly Planted[] = [
  // ---- who acknowledges ------------------------------------------------------------------------------------------------
  {
    name: 'a router acknowledges each step at once, whatever is in flight',
    shards: 'plain',
    router: (router) => {
      router.settled = async () => true;
    },
  },
  {
    name: 'a router acknowledges a handoff that it does not go along with',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      const { publish } = router;
      router.publish = (cluster, table) => publish.call(router, cluster, table, null);
      router.settled = async () => true;
    },
  },
  {
    name: 'a router says that it routes by what it is told before it does',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      const { publish, settled } = router;
      router.publish = async (...told) => {
        setTimeout(() => void publish.apply(router, told), 300);
      };
      router.settled = async (...asked) => {
        await Promise.race([settled.apply(router, asked), new Promise((resolve) => setTimeout(resolve, 100))]);
        return true;
      };
    },
  },
  {
    name: 'a process is known by its name: the next one of a shard speaks for the one before',
    shards: 'fencing',
    process: (process) => {
      const { bytes } = process;
      process.bytes = (size) =>
        process.name.startsWith('s') && size === 8
          ? Buffer.alloc(size, process.name.slice(0, 2))
          : bytes.call(process, size);
    },
  },
  {
    name: 'routers of one name are taken for one',
    shards: 'plain',
    process: (process) => {
      if (!process.name.startsWith('r')) return;
      Object.defineProperty(process, 'bytes', { value: (size: number) => Buffer.alloc(size, 1) });
    },
    store: (store, { name }) =>
      name.startsWith('r')
        ? new WrappedStore(store, { key: (key) => key.replace(/^(member\/router\/)r\d/, '$1r') })
        : store,
  },
  {
    name: 'who drives overlooks routers',
    shards: 'plain',
    isQuick: true,
    store: (store, process) =>
      isDriver(process) ? new WrappedStore(store, { sees: ({ key }) => !key.startsWith('member/router/') }) : store,
  },
  {
    name: 'who drives overlooks shards that lose something',
    shards: 'fencing',
    store: (store, process) =>
      process.name === 'operator' || process.name.startsWith('r')
        ? new WrappedStore(store, {
            sees: ({ key }) => !key.startsWith('member/node/') && !/^handoff\/.*\/node\//.test(key),
          })
        : store,
  },
  {
    name: 'who drives believes reads of three seconds ago',
    shards: 'plain',
    store: (store, process) =>
      isDriver(process) ? new WrappedStore(store, { staleMs: 3000, clock: process.clock }) : store,
  },
  // ---- who serves, and how long ----------------------------------------------------------------------------------------
  {
    name: 'a router counts its lease from later than it asked for it: the margin is gone',
    shards: 'plain',
    routerClocks: (clock) => ({ lease: () => clock() + 1500, control: clock }),
  },
  {
    name: 'a router takes its lease for three times as long as it is',
    shards: 'plain',
    routerClocks: (clock) => ({ lease: () => clock() + 8000, control: clock }),
  },
  {
    name: 'a stopped router sends what it reads before it looks at the clock',
    shards: 'plain',
    router: (router) => {
      router.beginTurn = () => {};
    },
  },
  {
    name: 'nothing that is in flight is cut when the lease ends',
    shards: 'plain',
    router: (router) => {
      router.cut = () => {};
    },
  },
  {
    name: 'a delayed sending asks nobody whether it may go out',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      router.readmits = (request) => request.isOpen && request.owner !== null;
    },
  },
  {
    name: 'a new request is sent even if its key is being handed over',
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
    name: 'the store lets leases go after half their time',
    shards: 'plain',
    world: ({ store }) => {
      store.leaseFactor = 0.5;
    },
  },
  {
    name: 'the store lets no lease go',
    shards: 'plain',
    isQuick: true,
    world: ({ store }) => {
      store.leaseFactor = Number.POSITIVE_INFINITY;
    },
  },
  {
    name: 'a shard that takes part refuses nothing that it has lost',
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
    name: 'a shard serves for as long as it runs, whatever becomes of its lease',
    shards: 'fencing',
    shard: (shard) => {
      if (shard instanceof FencingShard) Object.defineProperty(shard.ownership, 'holds', { get: () => true });
    },
  },
  {
    name: 'a shard counts its lease from later than it asked for it',
    shards: 'fencing',
    shardClock: (clock) => {
      let later = 0;
      // The clock that its lease is counted by stands still for a while now and then.
      return () => {
        const nowMs = clock();
        later = Math.max(later, nowMs - (nowMs % 4000));
        return later;
      };
    },
  },
  {
    name: 'lost shards are taken out after a fourth of the time',
    shards: 'fencing',
    routerClocks: (clock) => ({ lease: clock, control: () => 4 * clock() }),
  },
  // ---- what the registry says --------------------------------------------------------------------------------------------
  {
    name: 'steps are written whatever was written meanwhile',
    shards: 'plain',
    store: (store) =>
      new WrappedStore(store, { compares: (key) => !key.startsWith(HANDOFF) && !key.startsWith('topology/') }),
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
    name: 'a tenth of all changes is told to nobody',
    shards: 'plain',
    store: (store, { random }) => new WrappedStore(store, { loses: () => random() < 0.1 }),
  },
  {
    name: 'nobody is told that what was missed is not kept any more',
    shards: 'fencing',
    store: (store) => new WrappedStore(store, { hidesCompaction: true }),
  },
  // ---- what clients see ----------------------------------------------------------------------------------------------------
  {
    name: 'what waits waits on when all is over',
    shards: 'plain',
    router: (router) => {
      const { publish } = router;
      let last: Parameters<typeof publish>[2] = null;
      router.publish = (cluster, table, staged) => {
        last = staged ?? last;
        return publish.call(router, cluster, table, last);
      };
    },
  },
  {
    name: 'watches end whether their keys move or not',
    shards: 'plain',
    router: (router) => {
      const { publish } = router;
      router.publish = async (cluster, table, staged) => {
        await publish.call(router, cluster, table, staged);
        if (staged !== null)
          for (const request of [...router.open]) if (request.isWatch) request.leave('end', 'all leave');
      };
    },
  },
  {
    name: 'a shard that has let a key go is taken for a fault',
    shards: 'fencing',
    router: (router) => {
      router.gate.onStale = (request) => (request as Parameters<SimulatedRouter['onLeaves']>[0]).fail('it is stale');
    },
  },
  {
    name: 'a hundredth of all writes is acknowledged and not there',
    shards: 'fencing',
    world: ({ documents, randomOf }) => {
      const random = randomOf('planted');
      const { write, read } = documents;
      documents.write = (...asked) => {
        const before = read.call(documents, asked[0]);
        if (random() < 0.01) return { ...before, revision: before.revision + 1 };
        return write.apply(documents, asked);
      };
    },
  },
];
