import crypto from 'node:crypto';

declare const nodeIdBrand: unique symbol;
/** A node's name, unique in its cluster: 40 characters, as Redis and Kvrocks have it. */
export type NodeId = string & { readonly [nodeIdBrand]: true };

export const NODE_ID = /^[0-9A-Za-z]{40}$/;

/** The id of a shard's primary where none is given: always the same for the same shard, wherever it runs. */
export function derivedNodeId(cluster: string, shard: string): NodeId {
  // Not imported by its name: older Nodes have none, and are to be told which one is needed.
  return crypto.hash('sha1', `${cluster}/${shard}`) as NodeId;
}
