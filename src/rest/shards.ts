import { z } from 'zod';
import { isOver, orderFailover, queued, type ShardStep, StoredQueue } from '../controller/index.ts';
import { nodesOf, type TopologyName } from '../topology/index.ts';
import type { Api } from './api.ts';
import { failover, newShard, shownShard as shardSchema } from './bodies.ts';
import { type Operation, operation } from './operation.ts';
import { Refused } from './refusal.ts';
import { shownShard } from './shown.ts';

const PATH = '/namespaces/{namespace}/clusters/{cluster}/shards';
const ONE = `${PATH}/{shard}`;

/** A controller looks at what is wanted twice a second, and nodes have met within some seconds. */
const LONGEST_MS = 30_000;
const LOOK_MS = 200;

export const shardOperations: readonly Operation[] = [
  {
    id: 'listShards',
    method: 'GET',
    path: PATH,
    summary: 'Lists the shards of a cluster',
    body: null,
    status: 200,
    data: z.object({ shards: z.array(shardSchema) }),
    refusals: [400, 404],
    run: async (api, names) => ({ shards: (await api.shown(names)).shards }),
  },
  operation({
    id: 'createShard',
    method: 'POST',
    path: PATH,
    summary: 'Has empty nodes join a cluster as a shard, without slots',
    body: newShard,
    status: 201,
    data: z.object({ shard: shardSchema }),
    refusals: [400, 404, 409, 504],
    run: async (api, names, { nodes, password }, gone) => {
      const { name, topology } = await api.cluster(names);
      api.checkPassword(await api.howOf(name), password, nodes);
      const taken = nodesOf(topology).find(({ address }) => nodes.includes(address));
      if (taken !== undefined) throw new Refused(409, `already exists: ${taken.address} is a node of the cluster`);
      const id = await join(api, name, nodes, gone);
      const now = await api.cluster(names);
      const shard = now.topology.shards.find((each) => each.id === id);
      if (shard === undefined) throw new Refused(409, `${id} has joined, and has left again`);
      return { shard: shownShard(now.topology, now.queue, shard) };
    },
  }),
  {
    id: 'getShard',
    method: 'GET',
    path: ONE,
    summary: 'Shows a shard',
    body: null,
    status: 200,
    data: z.object({ shard: shardSchema }),
    refusals: [400, 404],
    run: async (api, names) => {
      const { topology, queue, shard } = await api.shard(names);
      return { shard: shownShard(topology, queue, shard) };
    },
  },
  {
    id: 'deleteShard',
    method: 'DELETE',
    path: ONE,
    summary:
      'Has a shard without slots leave a cluster; its nodes are reset. The numbers of those behind it become less by one',
    body: null,
    status: 204,
    data: null,
    refusals: [400, 404, 409, 504],
    run: async (api, names, _body, gone) => {
      const { name, queue, shard } = await api.shard(names);
      const isMoving = queue.migrations.some((each) => !isOver(each) && [each.from, each.to].includes(shard.id));
      if ((shard.slots ?? []).length > 0 || isMoving)
        throw new Refused(400, `shard is servicing: move the slots of ${shard.id} away first`);
      const step: ShardStep = { kind: 'leave', shard: shard.id, nodes: [] };
      await carriedOut(
        api,
        name,
        () => step,
        (ids) => !ids.includes(shard.id),
        gone,
      );
      return null;
    },
  },
  operation({
    id: 'failOverShard',
    method: 'POST',
    path: `${ONE}/failover`,
    summary: 'Has a slave take over from a master that is well. Nothing that was acknowledged is lost',
    body: failover,
    status: 200,
    data: z.object({ new_master_id: z.string() }),
    refusals: [400, 404, 409, 504],
    run: async (api, names, { preferred_node_id: preferred }, gone) => {
      const { name, shard } = await api.shard(names);
      const { timeOfDayMs, signal } = api.process;
      const to = preferred === '' ? null : preferred;
      const { chosen } = await orderFailover(
        api.registry,
        name,
        shard.id,
        to,
        timeOfDayMs,
        AbortSignal.any([signal, gone]),
      );
      return { new_master_id: chosen ?? '' };
    },
  }),
];

/** @returns the id of the shard */
async function join(api: Api, name: TopologyName, nodes: readonly string[], gone: AbortSignal): Promise<string> {
  const { topology } = await api.cluster({ ...name, shard: 0, node: '' });
  const taken = new Set(topology.shards.map(({ id }) => id));
  let number = topology.shards.length;
  const step = (joining: ReadonlySet<string>): ShardStep => {
    while (taken.has(`s${number}`) || joining.has(`s${number}`)) number++;
    return { kind: 'join', shard: `s${number}`, nodes: nodes.map((address) => ({ address })) };
  };
  return carriedOut(api, name, step, (ids) => ids.includes(`s${number}`), gone);
}

/**
 * Has the controller that leads a cluster take a step, and waits until it has.
 * @param stepOf by the shards that other steps are about
 * @param isDone by the ids of the shards that there are
 * @returns the shard that it is about
 * @param gone aborted once nobody waits for it any more
 * @throws Refused where that takes too long, or nobody waits: the step is taken back
 */
async function carriedOut(
  { registry, process }: Api,
  name: TopologyName,
  stepOf: (busy: ReadonlySet<string>) => ShardStep,
  isDone: (ids: readonly string[]) => boolean,
  gone: AbortSignal,
): Promise<string> {
  const stored = new StoredQueue(registry, name);
  let step: ShardStep | undefined;
  await stored.change((queue) => {
    step = stepOf(new Set(queue.steps.map(({ shard }) => shard)));
    return queued(queue, [], [step]);
  }, null);
  const signal = AbortSignal.any([process.signal, gone]);
  const { kind, shard } = step as ShardStep;
  const isMeant = (each: ShardStep): boolean => each.kind === kind && each.shard === shard;
  for (let waitedMs = 0; waitedMs < LONGEST_MS && !signal.aborted; waitedMs += LOOK_MS) {
    const shards = (await registry.topologies.read(name))?.shards ?? [];
    if (isDone(shards.map(({ id }) => id)) && !(await stored.read()).steps.some(isMeant)) return shard;
    await registry.pause(LOOK_MS, signal, 0);
  }
  await stored.change((queue) => ({ ...queue, steps: queue.steps.filter((each) => !isMeant(each)) }), null);
  throw new Refused(504, `no controller has had ${shard} ${kind} in time; its log says why`);
}
