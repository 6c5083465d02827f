import { type Member, type NodeValue, nodeValue, type Registry } from '../../registry/index.ts';
import { EventQueue } from '../../runtime/event-queue.ts';
import type { TopologyName } from '../../topology/index.ts';
import { byId, type FoundShard, type ShardSource } from '../found-shards.ts';

/**
 * Shards whose nodes are registered. A node that leaves by its own will is out at once; one whose lease has run out may come
 * back, and is out after `goneAfterMs`. A shard is there for as long as its primary is.
 */
export function nodeSource(registry: Registry, { namespace, cluster }: TopologyName, goneAfterMs: number): ShardSource {
  const within = `${namespace}/${cluster}/`;
  return async function* (signal, onFault) {
    const nodes = new Map<string, { readonly value: NodeValue; timer: NodeJS.Timeout | null }>();
    const queue = new EventQueue<null>();
    const follow = async (): Promise<void> => {
      for await (const members of registry.members.watch('node', within, signal)) {
        if (members === null) onFault('the registry cannot be reached; nodes stay as they are');
        else apply(members);
      }
      queue.end(null);
    };
    const apply = (members: readonly Member[]): void => {
      const there = new Set(members.map(({ name }) => name));
      for (const { name, value } of members) {
        const known = nodes.get(name);
        if (known?.timer != null) clearTimeout(known.timer);
        nodes.set(name, { value: nodeValue(value), timer: null });
      }
      for (const [name, node] of nodes) {
        if (there.has(name) || node.timer !== null) continue;
        const forget = (): void => {
          nodes.delete(name);
          queue.push(null);
        };
        if (node.value.leaving === true) nodes.delete(name);
        else node.timer = setTimeout(forget, goneAfterMs);
      }
      queue.push(null);
    };
    const following = follow();
    for await (const _change of queue) {
      const staying = [...nodes].filter(([, { value }]) => value.leaving !== true);
      yield shardsOf(staying.map(([name, { value }]) => [name.slice(within.length), value] as const));
    }
    for (const { timer } of nodes.values()) if (timer !== null) clearTimeout(timer);
    await following;
  };
}

/** @param nodes by `shard/node` */
function shardsOf(nodes: ReadonlyArray<readonly [name: string, value: NodeValue]>): FoundShard[] {
  const named = nodes.map(([name, value]) => {
    const [shard = '', nodeId = ''] = name.split('/');
    return { shard, nodeId, value };
  });
  return named
    .filter(({ value }) => value.role === 'primary')
    .map(({ shard, nodeId, value }) => {
      const followers = named.filter((each) => each.shard === shard && each.value.role === 'replica');
      const replicas = followers.map((each) => ({ id: each.nodeId, address: each.value.address }));
      return { id: shard, address: value.address, nodeId, ...(replicas.length > 0 ? { replicas } : {}) };
    })
    .sort(byId);
}
