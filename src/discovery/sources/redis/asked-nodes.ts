import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { ClientCertificates } from '../../../io/index.ts';
import { type Reply, RespClient, type RespLogin, textOf } from '../../../resp/index.ts';
import { addressText, splitAddress } from '../../../runtime/address.ts';
import { readClusterNodes } from './cluster-nodes.ts';
import { readClusterShards, readClusterSlots } from './cluster-slots.ts';
import type { NodeView } from './node-view.ts';
import { shown } from './view-builder.ts';

/** How the nodes of a cluster are asked. */
export interface AskedHow {
  /** Null in cleartext. */
  readonly certificates: ClientCertificates | null;
  readonly login: RespLogin | null;
}

/** A node connects, and answers, in much less; nobody waits longer for one that does not. */
const TIMEOUT_MS = 1000;

/** The connections to a cluster's nodes: one is kept to each that is asked again. */
export class AskedNodes {
  readonly #how: AskedHow;
  readonly #clients = new Map<string, RespClient>();

  constructor(how: AskedHow) {
    this.#how = how;
  }

  /**
   * What a node says of its cluster.
   * @throws Error where it cannot be asked, or says nothing of use
   */
  async view(address: string): Promise<NodeView> {
    const client = await this.#clientOf(address);
    const reached = { host: splitAddress(address).host, ip: client.remoteAddress };
    const [nodes, slots] = await Promise.all([client.ask(['CLUSTER', 'NODES']), client.ask(['CLUSTER', 'SLOTS'])]);
    const named = readClusterSlots(slots, address, reached);
    const text = nodes.type === 'error' ? null : textOf(nodes);
    if (text !== null) {
      // By these names clients are sent to the nodes: MOVED has to lead to one that is known.
      const endpoints = new Map(named.nodes.map((node) => [node.id, node.address]));
      const view = readClusterNodes(text, address, reached, endpoints);
      if (view.nodes.length > 0) return view;
    }
    if (named.nodes.length > 0) return named;
    const shards = await client.ask(['CLUSTER', 'SHARDS']);
    const view = readClusterShards(shards, address, reached, this.#how.certificates !== null);
    if (view.nodes.length > 0) return view;
    throw new Error(faultOf([nodes, slots, shards]));
  }

  async #clientOf(address: string): Promise<RespClient> {
    const known = this.#clients.get(address);
    if (known?.isClosed === false) return known;
    const { certificates, login } = this.#how;
    const client = await RespClient.connect({ target: splitAddress(address), certificates }, login, TIMEOUT_MS);
    this.#clients.set(address, client);
    return client;
  }

  /** Closes the connections to all others. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [address, client] of this.#clients) {
      if (addresses.has(address)) continue;
      client.close();
      this.#clients.delete(address);
    }
  }

  /** The addresses that a name stands for, each to be asked; by TLS the name itself, which is in the node's certificate. */
  async resolved(address: string): Promise<string[]> {
    const { host, port } = splitAddress(address);
    if (isIP(host) !== 0 || this.#how.certificates !== null) return [address];
    const found = await lookup(host, { all: true });
    return found.map((each) => addressText({ host: each.address, port }));
  }
}

function faultOf(replies: readonly Reply[]): string {
  const error = replies.find(({ type }) => type === 'error');
  return error === undefined ? 'it names no node of a cluster that can be reached' : shown(textOf(error) ?? '');
}
