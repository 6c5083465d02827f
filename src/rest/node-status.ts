import type { z } from 'zod';
import { fieldsOf, type LeadingSettings, withNode } from '../controller/index.ts';
import { RespClientError, textOf } from '../resp/index.ts';
import type { Node } from '../topology/index.ts';
import type { nodeStatus } from './bodies.ts';

export type NodeStatus = z.output<typeof nodeStatus>;

/** What a node says of itself in INFO and CLUSTER INFO; of one that does not answer only what the topology says. */
export async function statusOf(
  { id, address, follows }: Node,
  shard: number,
  access: LeadingSettings['access'],
): Promise<NodeStatus> {
  const role = follows === null ? 'master' : 'slave';
  const known = { shard, id, addr: address, role } as const;
  try {
    return await withNode(access, address, async (client): Promise<NodeStatus> => {
      const replies = await Promise.all([client.ask(['INFO']), client.ask(['CLUSTER', 'INFO'])]);
      if (replies.some(({ type }) => type === 'error')) return { ...known, ...read(role, () => ''), status: 'Failed' };
      const fields = fieldsOf(replies.map((reply) => textOf(reply) ?? '').join('\n'));
      return { ...known, ...read(role, (name) => fields.get(name) ?? ''), status: 'OK' };
    });
  } catch (error) {
    if (!(error instanceof RespClientError)) throw error;
    return { ...known, ...read(role, () => ''), status: 'Failed' };
  }
}

function read(
  role: NodeStatus['role'],
  field: (name: string) => string,
): Omit<NodeStatus, 'shard' | 'id' | 'addr' | 'role' | 'status'> {
  const most = field('maxclients');
  const isMaster = role === 'master';
  return {
    git_sha1: field('git_sha1') || field('redis_git_sha1'),
    epoch: field('cluster_my_epoch'),
    connected: isMaster ? field('connected_slaves') : field('master_link_status'),
    replication_offset: isMaster ? field('master_repl_offset') : field('slave_repl_offset'),
    clients: most === '' ? field('connected_clients') : `${field('connected_clients')}/${most}`,
    operations_per_second: field('instantaneous_ops_per_sec'),
    memory: field('used_memory_human'),
    // Kvrocks keeps its data on a disk; Redis does not say.
    disk: field('used_disk_percent'),
    input_kbps: field('instantaneous_input_kbps'),
    output_kbps: field('instantaneous_output_kbps'),
  };
}
