import { z } from 'zod';
import { adoptCluster, type FoundCluster, type PlannedShard } from '../controller/index.ts';
import type { FoundShard } from '../discovery/index.ts';
import { SLOT_COUNT } from '../placement/index.ts';
import { dividedSlots, nodesOf, type TopologyName, topologyText } from '../topology/index.ts';
import { DocumentError } from '../yaml/index.ts';
import type { Api } from './api.ts';
import { importedCluster, newCluster, shownCluster } from './bodies.ts';
import type { Names } from './names.ts';
import { type Operation, operation } from './operation.ts';
import { Refused } from './refusal.ts';

const PATH = '/namespaces/{namespace}/clusters';
const ONE = `${PATH}/{cluster}`;
const data = z.object({ cluster: shownCluster });

export const clusterOperations: readonly Operation[] = [
  {
    id: 'listClusters',
    method: 'GET',
    path: PATH,
    summary: 'Lists the clusters of a namespace',
    body: null,
    status: 200,
    data: z.object({ clusters: z.array(z.string()) }),
    refusals: [400],
    run: async (api, { namespace }) => {
      await api.checkNamespace(namespace);
      return { clusters: (await api.registry.topologies.list(namespace)).map(({ cluster }) => cluster) };
    },
  },
  operation({
    id: 'createCluster',
    method: 'POST',
    path: PATH,
    summary: 'Makes a cluster of empty nodes, and has it be led',
    body: newCluster,
    status: 201,
    data,
    refusals: [400, 409, 502],
    run: async (api, { namespace }, { name, nodes, replicas, password, engine }) => {
      const shards = plannedShards(nodes, Math.max(1, replicas));
      const how = api.howNew(engine);
      api.checkPassword(how, password, nodes);
      const keeper = api.keeper(how);
      if (keeper.form === undefined)
        throw new Refused(400, `nodes of ${how.engine} are made a cluster by other means; import the cluster then`);
      const made = { namespace, cluster: name };
      await checkNew(api, made, nodes);
      const formed = { shards: await keeper.form(shards, api.process.signal), version: null };
      return led(api, made, how, formed, 'it was made by a request');
    },
  }),
  {
    id: 'getCluster',
    method: 'GET',
    path: ONE,
    summary: 'Shows a cluster',
    body: null,
    status: 200,
    data,
    refusals: [400, 404],
    run: async (api, names) => ({ cluster: await api.shown(names) }),
  },
  operation({
    id: 'importCluster',
    method: 'POST',
    path: `${ONE}/import`,
    summary: 'Has a cluster be led that exists already',
    body: importedCluster,
    status: 200,
    data,
    refusals: [400, 409, 502],
    run: async (api, { namespace, cluster }, { nodes, password, engine }) => {
      const how = api.howNew(engine);
      const imported = { namespace, cluster };
      api.checkPassword(how, password, nodes);
      const asked = api.nodes(how);
      await checkNew(api, imported, []);
      const found = await asked.find(nodes).catch((error: Error) => {
        throw new Refused(502, error.message);
      });
      await checkNew(api, imported, found.shards.flatMap(addressesOf));
      return led(api, imported, how, found, 'it was imported by a request');
    },
  }),
  {
    id: 'deleteCluster',
    method: 'DELETE',
    path: ONE,
    summary: 'Has a cluster be led no more, and forgets it. Its nodes stay as they are',
    body: null,
    status: 204,
    data: null,
    refusals: [400, 403, 404, 409],
    run: async (api, names) => {
      const name = { namespace: names.namespace, cluster: names.cluster };
      // One that was not made to the end has no topology.
      if ((await api.registry.topologies.read(name)) !== null) await api.cluster(names);
      if (api.isNamed(name)) throw new Refused(403, `the config of the controller names ${topologyText(name)}`);
      // Whoever leads it would say that it is gone.
      const wasLed = await api.made.remove(name);
      const wasThere = await api.registry.topologies.delete(name);
      if (!wasLed && !wasThere) throw new Refused(404, 'cluster: not found');
      return null;
    },
  },
];

/** @throws Refused where the nodes cannot be divided so */
function plannedShards(nodes: readonly string[], each: number): PlannedShard[] {
  if (nodes.length % each !== 0) throw new Refused(400, 'cluster nodes should be divisible by replicas');
  const count = nodes.length / each;
  return dividedSlots([[0, SLOT_COUNT - 1]], count).map((slots, i) => ({
    id: `s${i}`,
    slots,
    nodes: nodes.slice(i * each, (i + 1) * each) as [string, ...string[]],
  }));
}

function addressesOf({ address, replicas = [] }: FoundShard): string[] {
  return [address, ...replicas.map((each) => each.address)];
}

/** @throws Refused where there is no such namespace, the cluster is there, or one of the nodes is in another one */
async function checkNew({ registry }: Api, name: TopologyName, nodes: readonly string[]): Promise<void> {
  const namespaces = await registry.namespaces.list();
  if (!namespaces.includes(name.namespace)) throw new Refused(400, 'namespace not found');
  const wanted = new Set(nodes);
  for (const each of await registry.topologies.list(null)) {
    if (each.namespace === name.namespace && each.cluster === name.cluster) throw new Refused(409, 'already exists');
    const topology = wanted.size === 0 ? null : await registry.topologies.read(each);
    const taken = topology === null ? undefined : nodesOf(topology).find(({ address }) => wanted.has(address));
    if (taken !== undefined)
      throw new Refused(409, `already exists: ${taken.address} is a node of ${topologyText(each)}`);
  }
}

/** Where this ends in the middle, the same request does it to the end. */
async function led(
  api: Api,
  name: TopologyName,
  how: Awaited<ReturnType<Api['howOf']>>,
  found: FoundCluster,
  reason: string,
): Promise<{ readonly cluster: unknown }> {
  const isMade = !api.isNamed(name);
  const ids = found.shards.flatMap(({ nodeId = [], replicas = [] }) => [nodeId, replicas.map(({ id }) => id)].flat(2));
  if (isMade) await api.made.add(name, how.engine, ids);
  const adopted = adoptCluster(api.registry, name, found, how.consistency, api.change(reason));
  const stored = await adopted.catch(async (error: unknown) => {
    // The same again would be no cluster either.
    if (isMade && error instanceof DocumentError) await api.made.remove(name);
    throw error;
  });
  if (stored === null) throw new Refused(409, 'already exists');
  const names: Names = { ...name, shard: 0, node: '' };
  return { cluster: await api.shown(names) };
}
