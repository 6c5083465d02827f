import { z } from 'zod';
import { changeTopology } from '../handoff/index.ts';
import { type NodeId, nodesOf, type Shard, type Topology } from '../topology/index.ts';
import type { Api } from './api.ts';
import { newNode, nodeStatus, shownNode } from './bodies.ts';
import { statusOf } from './node-status.ts';
import { type Operation, operation } from './operation.ts';
import { Refused } from './refusal.ts';
import { shownNodes } from './shown.ts';

const CLUSTER = '/namespaces/{namespace}/clusters/{cluster}';
const PATH = `${CLUSTER}/shards/{shard}/nodes`;

export const nodeOperations: readonly Operation[] = [
  {
    id: 'listNodes',
    method: 'GET',
    path: PATH,
    summary: 'Lists the nodes of a shard, its master first',
    body: null,
    status: 200,
    data: z.object({ nodes: z.array(shownNode) }),
    refusals: [400, 404],
    run: async (api, names) => {
      const { topology, shard } = await api.shard(names);
      return { nodes: shownNodes(topology, shard) };
    },
  },
  operation({
    id: 'createNode',
    method: 'POST',
    path: PATH,
    summary: 'Has an empty node join a shard, as a slave',
    body: newNode,
    status: 201,
    data: z.string().describe('The id of the node.'),
    refusals: [400, 404, 409, 502],
    run: async (api, names, { addr, role, password }) => {
      const { name, topology, shard } = await api.shard(names);
      if (role === 'master') throw new Refused(409, `master node already exists: ${shard.address}`);
      const members = nodesOf(topology);
      if (members.some(({ address }) => address === addr)) throw new Refused(409, 'already exists');
      const how = await api.howOf(name);
      api.checkPassword(how, password, [addr]);
      const keeper = api.keeper(how);
      const [joined] = await keeper.join([addr], members, api.process.signal);
      if (joined === undefined) throw new Refused(502, `${addr} has not joined`);
      const replicas = [...(shard.replicas ?? []), { id: joined.id as NodeId, address: addr }];
      await changed(api, topology, shard, replicas, `${addr} joins ${shard.id}`);
      return joined.id;
    },
  }),
  {
    id: 'deleteNode',
    method: 'DELETE',
    path: `${PATH}/{node}`,
    summary: 'Has a slave leave a cluster, and resets it',
    body: null,
    status: 204,
    data: null,
    refusals: [400, 404, 409, 502],
    run: async (api, names) => {
      const { name, topology, shard } = await api.shard(names);
      const node = nodesOf(topology).find(({ id, shard: own }) => id === names.node && own === shard.id);
      if (node === undefined) throw new Refused(404, 'not found');
      if (node.follows === null)
        throw new Refused(400, 'cannot remove master node: have a slave take over from it first');
      const replicas = (shard.replicas ?? []).filter(({ id }) => id !== node.id);
      const now = await changed(api, topology, shard, replicas, `${node.address} leaves ${shard.id}`);
      await api.keeper(await api.howOf(name)).forget([node], nodesOf(now));
      return null;
    },
  },
  {
    id: 'getStatus',
    method: 'GET',
    path: `${CLUSTER}/status`,
    summary: 'Shows what each node says of itself. kvrocks-controller does not have it',
    body: null,
    status: 200,
    data: z.object({ nodes: z.array(nodeStatus) }),
    refusals: [400, 404],
    run: async (api, names) => {
      const { name, topology } = await api.cluster(names);
      const { access } = await api.howOf(name);
      const at = new Map(topology.shards.map(({ id }, i) => [id, i]));
      const asked = nodesOf(topology).map((node) => statusOf(node, at.get(node.shard) ?? -1, access));
      return { nodes: await Promise.all(asked) };
    },
  },
];

/** @throws VersionConflict where the topology is another one by now */
function changed(
  api: Api,
  topology: Topology,
  { id }: Shard,
  replicas: NonNullable<Shard['replicas']>,
  reason: string,
): Promise<Topology> {
  const shards = topology.shards.map((each) => (each.id === id ? { ...each, replicas } : each));
  const options = { ...api.change(reason), expected: topology.version };
  return changeTopology(api.registry, { ...topology, version: null, shards }, options);
}
