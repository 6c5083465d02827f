import { afterEach, expect, it } from 'vitest';
import { KvrocksNode } from '../../../../test/support/kvrocks/kvrocks-node.ts';
import { freePorts, Scope } from '../../../../test/support/processes.ts';
import { findCluster } from './find-cluster.ts';

const scope = new Scope();
afterEach(() => scope.release());

const ACCESS = {
  login: null,
  certificates: null,
  timeoutMs: 5000,
  patienceMs: 0,
  random: () => 0,
  clock: () => performance.now(),
};
const IDS = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => letter.repeat(40));
const SLOTS = ['0-5460', '5461-10922', '10923-16383'];

/** Reference nodes: three primaries, each with a replica. `told` has one of them be told of a version, with the last shard's replica its primary. */
async function six() {
  const ports = await freePorts(6);
  const nodes = ports.map((port) => {
    const node = new KvrocksNode({ host: '127.0.0.1', port, folder: scope.folder(), password: '', clock: Date.now });
    scope.defer(() => node.close());
    return node;
  });
  const lines = (isSwitched: boolean): string =>
    SLOTS.flatMap((slots, i) => {
      const [primary, replica] = isSwitched && i === 2 ? [i + 3, i] : [i, i + 3];
      return [
        `${IDS[primary]} 127.0.0.1 ${ports[primary]} master - ${slots}`,
        `${IDS[replica]} 127.0.0.1 ${ports[replica]} slave ${IDS[primary]}`,
      ];
    }).join('\n');
  for (const [i, node] of nodes.entries()) {
    await node.listen();
    node.state.setNodeId(IDS[i] as string);
    node.state.setNodes(lines(false), 6, false);
  }
  const told = (at: number, version: number): void => nodes[at]?.state.setNodes(lines(true), version, false);
  return { nodes, told, seeds: [`127.0.0.1:${ports[0]}`] };
}

it('finds the shards that all nodes have been told of, and their version', async () => {
  const { seeds } = await six();
  const { shards, version } = await findCluster(seeds, ACCESS);
  expect(version).toBe(6);
  expect(shards.map(({ nodeId, slots }) => [nodeId, slots])).toEqual(SLOTS.map((slots, i) => [IDS[i], slots]));
});

it('takes a cluster for no other one where a node has a newer version with other primaries', async () => {
  const { seeds, told } = await six();
  told(5, 7);
  await expect(findCluster(seeds, ACCESS)).rejects.toThrow(/has version 7 of the topology, with other owners of slots/);
  for (const at of [0, 1, 2, 3, 4]) told(at, 7);
  const { shards, version } = await findCluster(seeds, ACCESS);
  expect([version, shards.map(({ nodeId }) => nodeId).includes(IDS[5])]).toEqual([7, true]);
});
