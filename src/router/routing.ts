import { type Field, type HeaderName, headerName } from '../http2/index.ts';
import { keyBytes } from '../placement/index.ts';
import { Cluster, type ClusterDescription } from '../topology/index.ts';
import type { Upstream } from './upstream.ts';

/** Where a request's key comes from. */
export type ShardKeySource = { readonly header: string } | { readonly value: string };

/** One rule: requests whose path begins so go to this cluster. The first that matches counts. */
export interface RouteDescription {
  readonly prefix: string;
  readonly cluster: string;
  readonly shardKey: ShardKeySource;
}

/** All that decides where requests go, at one version. Plain data, so that it can be handed to worker threads. */
export interface RoutingDescription {
  readonly routes: readonly RouteDescription[];
  readonly clusters: readonly ClusterDescription[];
}

/** A route, with its cluster's owners at hand. */
export interface Route {
  readonly prefix: string;
  readonly owners: ClusterOwners;
  /** The header that holds the key; null where the key is fixed. */
  readonly keyHeader: HeaderName | null;
  /** The owner of the fixed key. */
  readonly fixedOwner: Upstream | null;
}

/** The shards of a cluster as this thread reaches them. */
export class ClusterOwners {
  readonly cluster: Cluster;
  readonly #upstreams: readonly Upstream[];
  #scratch = new Uint8Array(256);

  constructor(cluster: Cluster, upstreams: readonly Upstream[]) {
    this.cluster = cluster;
    this.#upstreams = upstreams;
  }

  /** The owner of the key that a header field holds, noted on the field: a key that comes again costs one comparison. */
  ownerOf(key: Field): Upstream | null {
    if (key.memoScope === this) return key.memo as Upstream | null;
    if (key.valueLength > this.#scratch.length) this.#scratch = new Uint8Array(key.valueLength);
    const length = key.copyValue(this.#scratch);
    const owner = this.#ownerOfBytes(this.#scratch, length);
    key.memo = owner;
    key.memoScope = this;
    return owner;
  }

  ownerOfText(key: string): Upstream | null {
    const bytes = keyBytes(key);
    return this.#ownerOfBytes(bytes, bytes.length);
  }

  #ownerOfBytes(bytes: Uint8Array, length: number): Upstream | null {
    const index = this.cluster.locate(bytes, 0, length);
    return index < 0 ? null : (this.#upstreams[index] ?? null);
  }
}

/** The routes and owners of one version: built off the request's way, swapped in by one assignment, never changed. */
export class RoutingSnapshot {
  readonly #routes: readonly Route[];
  readonly upstreams: readonly Upstream[];

  constructor(description: RoutingDescription, upstreamOf: (cluster: string, id: string, address: string) => Upstream) {
    const owners = new Map<string, ClusterOwners>();
    const upstreams: Upstream[] = [];
    for (const each of description.clusters) {
      const cluster = new Cluster(each);
      const reached = cluster.shards.map((shard) => upstreamOf(each.name, shard.id, shard.address));
      upstreams.push(...reached);
      owners.set(each.name, new ClusterOwners(cluster, reached));
    }
    this.upstreams = upstreams;
    this.#routes = description.routes.map((route) => routeOf(route, owners));
  }

  /** The first route whose prefix the path begins with, noted on the path's field. */
  routeOf(path: Field): Route | null {
    if (path.memoScope === this) return path.memo as Route | null;
    const text = path.text;
    const found = this.#routes.find((route) => text.startsWith(route.prefix)) ?? null;
    path.memo = found;
    path.memoScope = this;
    return found;
  }
}

function routeOf(description: RouteDescription, owners: ReadonlyMap<string, ClusterOwners>): Route {
  const found = owners.get(description.cluster);
  if (found === undefined) throw new Error(`the route ${description.prefix} names no cluster that exists`);
  const source = description.shardKey;
  if ('header' in source) {
    const keyHeader = headerName(source.header.toLowerCase());
    return { prefix: description.prefix, owners: found, keyHeader, fixedOwner: null };
  }
  return { prefix: description.prefix, owners: found, keyHeader: null, fixedOwner: found.ownerOfText(source.value) };
}
