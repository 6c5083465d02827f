import type { Entry } from '../../../src/registry/store/store.ts';
import { TOPOLOGY } from '../keyway/setting.ts';
import { WrappedStore } from '../store/wrapped-store.ts';
import { edited, isDriver, isRouter, isShard, isState, type Planted } from './planted.ts';

interface Acknowledged {
  to: number;
  attempt: number;
  step: string;
}

/** Remembers the handoff that was read last, and makes acknowledgements by it. */
function byLastHandoff(acknowledge: (handoff: Acknowledged, entry: Entry) => Entry): (entry: Entry) => Entry {
  let last: Acknowledged | null = null;
  return (entry) => {
    if (isState(entry)) last = JSON.parse(entry.value) as Acknowledged;
    return last === null ? entry : acknowledge(last, entry);
  };
}

/** Who has acknowledged, and whether it may: each is something that the protocol is there to prevent. */
export const acknowledging: readonly Planted[] = [
  {
    name: 'a router acknowledges each step at once, with requests in flight',
    shards: 'plain',
    router: (router) => {
      router.settled = async () => true;
    },
  },
  {
    name: 'a router acknowledges a handoff and ignores it',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      const { publish } = router;
      router.publish = (cluster, table) => publish.call(router, cluster, table, null);
      router.settled = async () => true;
    },
  },
  {
    name: 'a router reports a version before it routes by it',
    shards: 'plain',
    isQuick: true,
    router: (router) => {
      const { publish, settled } = router;
      router.publish = async (...published) => {
        setTimeout(() => void publish.apply(router, published), 300);
      };
      router.settled = async (...asked) => {
        await Promise.race([settled.apply(router, asked), new Promise((resolve) => setTimeout(resolve, 100))]);
        return true;
      };
    },
  },
  {
    name: 'a router acknowledges the next step together with the present one',
    shards: 'plain',
    store: (store, process) =>
      isRouter(process)
        ? new WrappedStore(store, {
            writes: (change) =>
              change.key.startsWith('member/router/')
                ? edited(change, ({ acknowledged }) => {
                    const of = (acknowledged as Record<string, Acknowledged>)[TOPOLOGY];
                    if (of !== undefined) of.step = of.step === 'stage' ? 'drain' : 'hold';
                  })
                : change,
          })
        : store,
  },
  {
    // Routers' entries are looked at again when the handoff changes: else a driver still has them as they were before it.
    name: 'an acknowledgement of an earlier handoff or attempt counts',
    shards: 'plain',
    store: (store, process) =>
      isDriver(process)
        ? new WrappedStore(store, {
            repeats: 'member/router/',
            reads: byLastHandoff(({ to, attempt }, entry) =>
              entry.key.startsWith('member/router/')
                ? edited(entry, ({ acknowledged }) => {
                    const of = (acknowledged as Record<string, Acknowledged>)[TOPOLOGY];
                    if (of !== undefined && of.attempt < attempt) Object.assign(of, { to, attempt });
                  })
                : entry,
            ),
          })
        : store,
  },
  {
    name: 'the driver commits without the acknowledgements of shards',
    shards: 'fencing',
    store: (store, process) =>
      isDriver(process)
        ? new WrappedStore(store, {
            reads: byLastHandoff(({ to, attempt }, entry) =>
              entry.key.startsWith('member/node/')
                ? edited(entry, (value) => {
                    value.acknowledged = { to, attempt, step: 'hold' };
                  })
                : entry,
            ),
          })
        : store,
  },
  {
    name: 'shards give keys up at `hold`, before routers have acknowledged it',
    shards: 'fencing',
    store: (store, process) =>
      isShard(process)
        ? new WrappedStore(store, {
            reads: (entry) =>
              isState(entry)
                ? edited(entry, (handoff) => {
                    handoff.fence = { attempt: handoff.attempt, isUp: true };
                  })
                : entry,
          })
        : store,
  },
  {
    name: "shards' processes are distinguished by name only",
    shards: 'fencing',
    process: (process) => {
      const { bytes } = process;
      process.bytes = (size) =>
        isShard(process) && size === 8 ? Buffer.alloc(size, process.name.slice(0, 2)) : bytes.call(process, size);
    },
  },
  {
    name: 'routers are distinguished by name only',
    shards: 'plain',
    process: (process) => {
      if (isRouter(process))
        Object.defineProperty(process, 'bytes', { value: (size: number) => Buffer.alloc(size, 1) });
    },
    store: (store, process) =>
      isRouter(process) ? new WrappedStore(store, { compares: (key) => !key.startsWith('member/router/') }) : store,
  },
  {
    name: "a shard's process takes the previous one on its machine for dead",
    shards: 'fencing',
    process: ({ machine, pid }) => {
      for (const other of [...machine.processes.keys()]) if (other !== pid) machine.processes.delete(other);
    },
  },
  {
    name: 'the driver overlooks routers',
    shards: 'plain',
    isQuick: true,
    store: (store, process) =>
      isDriver(process) ? new WrappedStore(store, { sees: ({ key }) => !key.startsWith('member/router/') }) : store,
  },
  {
    name: 'the driver overlooks shards that lose keys',
    shards: 'fencing',
    store: (store, process) =>
      isDriver(process)
        ? new WrappedStore(store, {
            sees: ({ key }) => !key.startsWith('member/node/') && !/^handoff\/.*\/node\//.test(key),
          })
        : store,
  },
  {
    name: 'the driver overlooks routers that are away and need no lease',
    shards: 'plain',
    store: (store, process) =>
      isDriver(process) ? new WrappedStore(store, { sees: ({ key }) => !/^handoff\/.*\/router\//.test(key) }) : store,
  },
  {
    name: 'the driver trusts reads that are three seconds old',
    shards: 'plain',
    store: (store, process) =>
      isDriver(process) ? new WrappedStore(store, { staleMs: 3000, clock: process.clock }) : store,
  },
];
