import type { Task } from '../../../src/housekeeping/index.ts';
import { WrappedStore } from '../store/wrapped-store.ts';
import { isShard, type Planted } from './planted.ts';

/** A run that does not ask whether it may go on. */
function withoutTermCheck(task: Task): Task {
  return { ...task, run: (run) => task.run({ ...run, mayGoOn: () => true }) };
}

/** Housekeeping: one node at a time works on each unit. */
export const housekeeping: readonly Planted[] = [
  {
    name: 'housekeeping continues after its term, and the store accepts any token',
    shards: 'fencing',
    task: withoutTermCheck,
    world: ({ maintenance }) => {
      if (maintenance !== null) maintenance.check = () => {};
    },
  },
  {
    name: 'housekeeping continues after its term',
    shards: 'fencing',
    task: withoutTermCheck,
  },
  {
    name: "housekeeping's units are claimed without compare-and-set",
    shards: 'fencing',
    store: (store, process) =>
      isShard(process) ? new WrappedStore(store, { compares: (key) => !key.includes('/board/claim/') }) : store,
  },
  {
    name: 'several nodes lead one election of housekeeping',
    shards: 'fencing',
    store: (store, process) =>
      isShard(process)
        ? new WrappedStore(store, {
            compares: (key) => !key.startsWith('election/housekeeping/'),
            sees: ({ key }) => !key.startsWith('election/housekeeping/'),
          })
        : store,
  },
];
