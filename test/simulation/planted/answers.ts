import type { SimulatedRequest } from '../keyway/request.ts';
import type { Planted } from './planted.ts';

/** What clients see. */
export const answers: readonly Planted[] = [
  {
    name: 'requests that wait are not released at the end of a handoff',
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
    name: 'watches end even if their keys do not move',
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
    name: 'a request that its shard refuses as stale fails',
    shards: 'fencing',
    router: (router) => {
      router.gate.onStale = (request) => (request as SimulatedRequest).fail('it is stale');
    },
  },
  {
    name: 'new calls to a key with one slow call after another never wait',
    shards: 'plain',
    router: (router) => {
      const { receive } = router;
      let calls = 0;
      router.receive = (operation, onAnswer) => {
        const request = receive.call(router, operation, onAnswer);
        // No two calls have a key in common, as far as the gate can see.
        Object.defineProperty(request, 'keyText', { value: `${operation.key}, call ${calls++}` });
        return request;
      };
    },
  },
  {
    name: 'one write in a hundred is acknowledged and lost',
    shards: 'fencing',
    world: (world) => {
      const { documents } = world;
      const random = world.randomOf('planted');
      const { write, read } = documents;
      documents.write = (...asked) => {
        const before = read.call(documents, asked[0]);
        if (random() < 0.01) return { ...before, revision: before.revision + 1 };
        return write.apply(documents, asked);
      };
    },
  },
  {
    name: "the documents' store accepts writes with old versions",
    shards: 'fencing',
    world: ({ documents }) => {
      const { write, read } = documents;
      documents.write = (key, value, version) =>
        write.call(documents, key, value, Math.max(version, read.call(documents, key).version));
    },
  },
];
